// Curves over steps: losses, R², and any other metric that was logged.
function curves(root) {
  const found = page.history;
  const series = new Map(found.series.map((each) => [each.name, each]));
  const pick = (...names) => names.filter((name) => series.has(name));
  const panels = [
    ['Loss', pick('train/loss', 'reconstruction/loss', 'classification/loss')],
    ['R², held out', pick('reconstruction/r2')],
    ['Accuracy, held out', pick('classification/accuracy')],
  ].filter(([, names]) => names.length);
  const taken = new Set(panels.flatMap(([, names]) => names));
  const others = [...series.keys()].filter((name) => !taken.has(name) && series.get(name).values && decoded(series.get(name).steps).length > 1)
    .sort((one, other) => one.startsWith('speed/') - other.startsWith('speed/'));
  const box = make('div', { class: 'charts' }), width = roomFor(root, 480);
  root.append(box);
  for (const [title, names] of panels) box.append(curvePanel(title, names.map((name) => series.get(name)), title.toLowerCase().replace(/\W+/g, '_'), width));
  if (others.length) {
    const choice = make('select', { id: 'curve-metric' }, ...others.map((name) => make('option', { value: name }, name)));
    const place = make('div');
    const show = () => place.replaceChildren(curvePanel('', [series.get(choice.value)], choice.value, width));
    choice.addEventListener('change', show);
    box.append(make('div', {}, make('label', { for: 'curve-metric' }, 'Another metric '), choice, place));
    show();
  }
  if (found.series.some((each) => each.thinned)) {
    root.append(make('p', { class: 'soft' }, 'Of curves with over 1,000 points, means of neighbouring points are drawn.'));
  }
}

const DASHES = ['', '6 3', '2 3'];

function curvePanel(title, series, name, width) {
  const height = 250, left = 58, right = 12, top = 12, bottom = 36;
  const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', tabindex: 0, class: 'chart',
    'aria-label': `${title || name} over steps: ${series.map((each) => each.name).join(', ')}. Arrow keys read values.` });
  const readout = make('p', { class: 'readout', 'aria-live': 'polite' });
  const data = series.map((each) => ({ name: each.name, x: decoded(each.steps), y: decoded(each.values) }));
  const xs = data.flatMap((each) => [each.x[0], each.x[each.x.length - 1]]);
  const low = Math.min(0, ...xs), high = Math.max(...xs, 1);
  let least = Infinity, most = -Infinity;
  for (const each of data) for (const value of each.y) { least = Math.min(least, value); most = Math.max(most, value); }
  if (least === most) { least -= Math.abs(least) * 0.1 || 1; most += Math.abs(most) * 0.1 || 1; }
  const margin = (most - least) * 0.05;
  const across = (value) => left + ((value - low) / (high - low)) * (width - left - right);
  const up = (value) => height - bottom - ((value - least + margin) / (most - least + 2 * margin)) * (height - top - bottom);
  let cursor = null;

  function paint() {
    const parts = [];
    for (const value of ticks(least, most, 4)) {
      parts.push(draw('line', { x1: left, x2: width - right, y1: up(value), y2: up(value), stroke: theme.line }),
        draw('text', { x: left - 6, y: up(value) + 4, 'text-anchor': 'end', 'font-size': 12, fill: theme.soft }, say(value)));
    }
    for (const value of ticks(low, high, 4)) {
      parts.push(draw('text', { x: Math.min(across(value), width - right - 8), y: height - bottom + 16, 'text-anchor': 'middle', 'font-size': 12, fill: theme.soft }, say(value)));
    }
    parts.push(draw('text', { x: (left + width - right) / 2, y: height - 4, 'text-anchor': 'middle', 'font-size': 12, fill: theme.soft }, 'step'));
    data.forEach((each, place) => {
      const points = Array.from(each.x, (value, at) => `${across(value).toFixed(1)} ${up(each.y[at]).toFixed(1)}`);
      parts.push(draw('path', { d: `M${points.join('L')}`, fill: 'none', stroke: theme.kinds[place], 'stroke-width': 1.8, 'stroke-dasharray': DASHES[place] || undefined }));
      if (each.x.length <= 30) points.forEach((point) => parts.push(draw('circle', { cx: point.split(' ')[0], cy: point.split(' ')[1], r: 2.6, fill: theme.kinds[place] })));
    });
    if (cursor !== null) parts.push(draw('line', { x1: across(cursor), x2: across(cursor), y1: top, y2: height - bottom, stroke: theme.ink, 'stroke-dasharray': '3 3' }));
    svg.replaceChildren(...parts);
  }
  const closest = (each, step) => {
    let best = 0;
    for (let at = 1; at < each.x.length; at++) if (Math.abs(each.x[at] - step) < Math.abs(each.x[best] - step)) best = at;
    return best;
  };
  function read(step) {
    const at = closest(data[0], step);
    cursor = data[0].x[at];
    readout.textContent = `step ${say(Math.round(cursor))}: ` + data.map((each) => {
      const nearby = closest(each, cursor);
      return `${each.name} ${say(each.y[nearby])}${each.x[nearby] === cursor ? '' : ` (at step ${say(Math.round(each.x[nearby]))})`}`;
    }).join(', ');
    paint();
  }
  svg.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect();
    read(low + (((event.clientX - box.left) / box.width) * width - left) / (width - left - right) * (high - low));
  });
  svg.addEventListener('keydown', (event) => {
    const steps = data[0].x, at = cursor === null ? steps.length - 1 : closest(data[0], cursor);
    const jump = cursor === null ? 0 : Math.max(1, Math.round(steps.length / 50));
    if (event.key === 'ArrowLeft') read(steps[Math.max(0, at - jump)]);
    else if (event.key === 'ArrowRight') read(steps[Math.min(steps.length - 1, at + jump)]);
    else if (event.key === 'Escape') { cursor = null; readout.textContent = ''; paint(); }
    else return;
    event.preventDefault();
  });
  const legend = make('p', { class: 'legend' });
  function key() {
    legend.replaceChildren(...data.map((each, place) => make('span', {},
      draw('svg', { width: 26, height: 10, 'aria-hidden': 'true' }, draw('line', { x1: 0, x2: 26, y1: 5, y2: 5, stroke: theme.kinds[place], 'stroke-width': 2.5, 'stroke-dasharray': DASHES[place] || undefined })),
      ` ${each.name} (last ${say(each.y[each.y.length - 1])})`)));
  }
  paint();
  key();
  onTheme(() => { paint(); key(); });
  return make('figure', { class: 'panel' }, title ? make('figcaption', {}, title) : null, legend, svg, readout, saveButtons(() => svg, `curve_${name}`, `the curves of ${title || name}`));
}
