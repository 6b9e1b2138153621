// Any metric against any varied setting: means over seeds with their intervals, a line per value of a second setting.
function sweepChart(root) {
  const found = page.settings;
  const varied = found.settings.map((setting) => {
    const codes = decoded(setting.codes), values = [...setting.values, ...(codes.includes(setting.values.length) ? ['none'] : [])];
    return { name: setting.name, codes, values: values.map(String), numeric: setting.values.every((value) => typeof value === 'number') };
  });
  if (!found.metrics.length || !varied.length) {
    root.append(make('p', { class: 'soft' }, found.metrics.length ? 'The completed runs differ only in their seeds.' : 'No run is completed yet.'));
    return;
  }
  const count = varied[0].codes.length;
  const at = (name, metric, combination) => decoded(found[name])[metric * count + combination];
  const option = (value, text) => make('option', { value }, text);
  const groups = new Map();
  found.metrics.forEach((name, place) => {
    const group = name.split('/')[0];
    if (!groups.has(group)) groups.set(group, make('optgroup', { label: group }));
    groups.get(group).append(option(place, name));
  });
  const metric = make('select', { id: 'chart-metric' }, ...groups.values());
  const first = Math.max(0, varied.findIndex((setting) => setting.numeric));
  const axis = make('select', { id: 'chart-setting' }, ...varied.map((setting, place) => option(place, setting.name)));
  const lines = make('select', { id: 'chart-lines' });
  const fixed = make('div', { class: 'controls' }), place = make('div');
  const labelled = (text, control) => make('div', { class: 'choice' }, make('label', { for: control.id }, `${text} `), control);
  root.append(make('div', { class: 'controls' }, labelled('Metric', metric), labelled('against', axis), labelled('one line per', lines)), fixed, place);
  metric.value = Math.max(0, found.metrics.indexOf(runs.shown[0]));
  axis.value = first;
  const held = new Map(); // setting -> the code of its fixed value, where it is neither the axis nor the lines

  function arrange() {
    const others = varied.map((_, setting) => setting).filter((setting) => setting !== Number(axis.value));
    const before = lines.value;
    lines.replaceChildren(option('', 'nothing'), ...others.map((setting) => option(setting, varied[setting].name)));
    lines.value = others.map(String).includes(before) || (before === '' && lines.dataset.chosen) ? before : String(others[0] ?? '');
    hold(others);
  }
  function hold(others) {
    const rest = others.filter((setting) => String(setting) !== lines.value);
    fixed.replaceChildren(...rest.map((setting) => {
      const choice = make('select', { id: `chart-at-${setting}`, onchange: (event) => { held.set(setting, Number(event.target.value)); paint(); } },
        ...varied[setting].values.map((value, code) => option(code, value)));
      choice.value = held.get(setting) ?? 0;
      return labelled(`at ${varied[setting].name}`, choice);
    }));
    fixed.hidden = !rest.length;
    held.forEach((_, setting) => { if (!rest.includes(setting)) held.delete(setting); });
    for (const setting of rest) if (!held.has(setting)) held.set(setting, 0);
  }
  function series() {
    const setting = varied[axis.value], split = lines.value === '' ? null : varied[lines.value], chosen = Number(metric.value);
    const made = (split ? split.values : ['']).map((title, code) => ({ title: split ? `${split.name} ${title}` : '', code, points: [] }));
    for (let combination = 0; combination < count; combination++) {
      if ([...held].some(([each, code]) => varied[each].codes[combination] !== code)) continue;
      const mean = at('mean', chosen, combination);
      const line = made[split ? split.codes[combination] : 0];
      const seeds = [...decoded(found.seeds).slice((chosen * count + combination) * found.each, (chosen * count + combination + 1) * found.each)];
      line.points.push({ each: seeds.filter((value) => !absent(value)), x: setting.codes[combination], mean, low: at('low', chosen, combination), high: at('high', chosen, combination), seeds: at('count', chosen, combination) });
    }
    made.forEach((line) => line.points.sort((one, other) => one.x - other.x));
    return made.filter((line) => line.points.length);
  }
  function paint() {
    const opened = place.querySelector('details')?.open;
    place.replaceChildren(...settingPlot(found.metrics[metric.value], varied[axis.value], series()));
    if (opened) place.querySelector('details')?.setAttribute('open', '');
  }
  metric.addEventListener('change', paint);
  axis.addEventListener('change', () => { arrange(); paint(); });
  lines.addEventListener('change', () => { lines.dataset.chosen = '1'; hold(varied.map((_, setting) => setting).filter((setting) => setting !== Number(axis.value))); paint(); });
  theme.waiting.push(paint);
  arrange();
  paint();
}

function settingPlot(name, setting, series) {
  const titled = series.filter((line) => line.title), legendRows = Math.ceil(titled.length / 2);
  const width = 460, left = 58, right = 12, top = 30 + 17 * legendRows, bottom = 40, height = top + 230 + bottom;
  const all = series.flatMap((line) => line.points), known = all.filter((point) => !absent(point.mean));
  const lost = all.length - known.length;
  const note = lost ? ` Missing for ${say(lost)} of ${say(all.length)} settings.` : '';
  if (!known.length) return [make('p', { class: 'soft' }, 'No completed run with these settings has this metric.')];
  const ends = known.flatMap((point) => [point.mean, point.low, point.high, ...point.each]).filter((value) => !absent(value));
  let low = Math.min(...ends), high = Math.max(...ends);
  // An interval over a few seeds can be far wider than the range of the means: then the axis is that of the means.
  const means = known.map((point) => point.mean), apart = Math.max(...means) - Math.min(...means);
  const cut = apart > 0 && high - low > 4 * apart;
  if (cut) { low = Math.max(low, Math.min(...means) - apart); high = Math.min(high, Math.max(...means) + apart); }
  if (low === high) { low -= Math.abs(low) * 0.1 || 1; high += Math.abs(high) * 0.1 || 1; }
  const margin = (high - low) * 0.05;
  low -= margin; high += margin;
  const across = (code, line) => left + ((code + 0.5 + (series.length > 1 ? (line / (series.length - 1) - 0.5) * 0.16 : 0)) / setting.values.length) * (width - left - right);
  const up = (value) => height - bottom - ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (height - top - bottom);
  const label = (text, attributes) => draw('text', { 'font-size': 12, fill: theme.soft, ...attributes }, text);
  const parts = ticks(low, high, 5).flatMap((value) => [draw('line', { x1: left, x2: width - right, y1: up(value), y2: up(value), stroke: theme.line }),
    label(say(value), { x: left - 6, y: up(value) + 4, 'text-anchor': 'end' })]);
  const every = Math.ceil(setting.values.length / 8);
  setting.values.forEach((value, code) => {
    if (code % every === 0) parts.push(label(shortened(value, every > 1 || setting.values.length > 4 ? 10 : 16), { x: left + ((code + 0.5) / setting.values.length) * (width - left - right), y: height - bottom + 16, 'text-anchor': 'middle' }));
  });
  parts.push(label(shortened(name, 60), { x: 4, y: 14, fill: theme.ink, 'font-size': 13 }));
  titled.forEach((line, place) => {
    const x = 12 + (place % 2) * 225, y = 32 + 17 * Math.floor(place / 2);
    parts.push(draw('path', { d: marker(SHAPES[place % SHAPES.length], 4.5), transform: `translate(${x} ${y - 4})`, fill: theme.kinds[place % theme.kinds.length] }),
      label(shortened(line.title, 32), { x: x + 10, y, fill: theme.ink }));
  });
  parts.push(label(setting.name, { x: (left + width - right) / 2, y: height - 6, 'text-anchor': 'middle' }));
  series.forEach((line, place) => {
    const colour = theme.kinds[place % theme.kinds.length], points = line.points.filter((point) => !absent(point.mean));
    if (setting.numeric) parts.push(draw('path', { d: `M${points.map((point) => `${across(point.x, place).toFixed(1)} ${up(point.mean).toFixed(1)}`).join('L')}`, fill: 'none', stroke: colour, 'stroke-width': 1.6 }));
    for (const point of points) {
      const x = across(point.x, place);
      if (!absent(point.low)) parts.push(draw('line', { x1: x, x2: x, y1: up(point.low), y2: up(point.high), stroke: colour, class: 'interval' }));
      if (point.each.length > 1) parts.push(...point.each.map((value) => draw('circle', { cx: x + 9, cy: up(value), r: 2.4, fill: colour, class: 'seed' })));
      parts.push(draw('path', { d: marker(SHAPES[place % SHAPES.length], 4.5), transform: `translate(${x.toFixed(1)} ${up(point.mean).toFixed(1)})`, fill: colour, class: 'mean' },
        draw('title', {}, `${line.title ? `${line.title}, ` : ''}${setting.name} ${setting.values[point.x]}: ${say(point.mean)}`)));
    }
  });
  const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', class: 'chart narrow', 'aria-label': `${name} against ${setting.name}; the table below has the numbers.` }, ...parts);
  const seeds = known.map((point) => point.seeds), fewest = Math.min(...seeds), most = Math.max(...seeds);
  const over = most === 1 ? 'One seed each.' : `Means over ${fewest === most ? say(most) : `${say(fewest)} to ${say(most)}`} seeds${known.some((point) => point.each.length > 1) ? '; small points: single seeds' : ''}` +
    `${known.some((point) => !absent(point.low)) ? `; bars: 95 % intervals of the mean of ${page.settings.each + 1} seeds or more${cut ? ', some cut at the edge' : ''}` : ''}.`;
  const phrase = runs.metrics.meanings[metricPlaces.get(name)];
  const numbers = make('table', {}, make('thead', {}, make('tr', {}, ...[setting.name, 'line', 'mean', 'low', 'high', 'seeds'].map((title, place) => make('th', { scope: 'col', class: place > 1 ? 'number' : undefined }, title)))),
    make('tbody', {}, ...series.flatMap((line) => line.points.map((point) => make('tr', {}, make('td', {}, setting.values[point.x]), make('td', {}, line.title || '–'),
      ...[point.mean, point.low, point.high, point.seeds].map((value) => make('td', { class: 'number' }, say(value))))))));
  return [make('figure', { class: 'panel' }, svg, make('figcaption', { class: 'soft' }, `${name}${phrase ? `: ${phrase}` : ''}. ${over} Values of ${setting.name} are evenly spaced.${note} `, saveButtons(() => svg, `${name} against ${setting.name}`, 'the chart'))),
    make('details', {}, make('summary', {}, 'The numbers'), make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Numbers of the chart' }, numbers))];
}
