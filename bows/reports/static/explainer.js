// The word explainer: contributions of the bias, the word itself and its context to the word's pre-activation, in held-out windows.
const WINDOW_NAMES = { '1,0.1': 'present, 10th percentile', '1,0.5': 'present, median', '1,0.9': 'present, 90th percentile', '0,0.5': 'absent, median', '0,1': 'absent, maximum' };

const TOWER_PARTS = [['bias', () => theme.neutral], ['the word itself', () => theme.kinds[1]], ['constructive context', () => theme.positive], ['destructive context', () => theme.negative]];

function explainer(root) {
  const data = page.explainer, chosen = data.words, placeOf = new Map(chosen.map((word, place) => [word, place]));
  const of = (name) => decoded(data[name]);
  const examples = new Map();
  of('word').forEach((place, example) => examples.set(place, [...(examples.get(place) || []), example]));
  const picker = wordPicker('Explain a word', new Set(chosen), select, 'type a word');
  const towers = make('div', { class: 'towers', role: 'group', 'aria-label': 'Held-out windows: press one to see its contributions' });
  const detail = make('div');
  const head = make('p');
  const legend = make('p', { class: 'legend' });
  let word = chosen.find((each) => examples.has(placeOf.get(each))), example = null;
  const command = (each) => `${page.explain_command} word=${shellWord(words[each])}`;
  root.append(make('div', { class: 'controls' }, picker.box), head, towers, legend, detail, make('p', { class: 'soft' },
    `Windows are from ${data.windows}: three where the word is present (10th, 50th and 90th percentile of its pre-activation) and two where it is absent (median and maximum). ` +
    'The context is compared with one of the same size of random words of like frequency, mean ± standard deviation.' +
    (data.exact ? '' : ' This model’s encoder is not linear: contributions come from its effective map, and the remainder is shown as “not additive”.')));

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  function parts(each) {
    const place = of('word')[each], from = of('offsets')[each], to = of('offsets')[each + 1], present = of('present')[each] > 0;
    const context = [];
    for (let at = from; at < to; at++) context.push({ word: of('context')[at], value: of('values')[at] });
    const bias = of('bias')[place], itself = present ? of('itself')[place] : 0, rest = of('rest')[each];
    const total = of('pre_activation')[each], added = sum(context.map((one) => one.value)) + rest;
    return { present, context, bias, itself, rest, restCount: of('rest_count')[each], helping: sum(context.map((one) => Math.max(0, one.value))) + of('rest_helping')[each], total, added, missed: total - bias - itself - added,
      name: WINDOW_NAMES[`${present ? 1 : 0},${Number(of('quantile')[each].toFixed(2))}`] || 'a window', row: of('row')[each], size: of('size')[each], random: of('random_mean')[each], deviation: of('random_sd')[each] };
  }

  function tower(each, all) {
    const it = parts(each), width = 96, height = 190, middle = 48;
    const amounts = (one) => [one.bias, one.itself, one.helping, one.added - one.helping];
    const pieces = TOWER_PARTS.map(([name, colour], place) => [name, amounts(it)[place], colour()]);
    const reach = Math.max(...all.flatMap((other) => {
      const one = parts(other), values = amounts(one);
      return [sum(values.filter((value) => value > 0)), -sum(values.filter((value) => value < 0)), Math.abs(one.total)];
    }), 1e-9);
    const up = (value) => height / 2 - (value / reach) * (height / 2 - 8);
    const bars = [];
    let above = 0, below = 0;
    for (const [name, value, colour] of pieces) {
      const from = value > 0 ? above : below;
      if (value > 0) above += value; else below += value;
      if (value) bars.push(draw('rect', { x: 30, width: 36, y: Math.min(up(from), up(from + value)).toFixed(1), height: Math.abs(up(from) - up(from + value)).toFixed(1), fill: colour, stroke: theme.paper }, draw('title', {}, `${name} ${signed(value)}`)));
    }
    const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' }, ...bars,
      draw('line', { x1: 8, x2: width - 8, y1: up(0), y2: up(0), stroke: theme.ink }),
      draw('path', { d: marker('diamond', 5), transform: `translate(${middle} ${up(it.total).toFixed(1)})`, fill: theme.ink, stroke: theme.paper }));
    return make('button', { type: 'button', class: 'tower', 'aria-pressed': String(each === example), onclick: () => { example = each; show(); },
      'aria-label': `${it.name} ${signed(it.total)}: bias ${signed(it.bias)}, self ${signed(it.itself)}, context ${signed(it.added)}` }, svg, make('span', {}, it.name), make('strong', {}, signed(it.total)));
  }

  function waterfall(it) {
    const rows = [['bias', it.bias, theme.neutral, null]];
    if (it.present) rows.push(['itself', it.itself, theme.kinds[1], null]);
    for (const one of [...it.context].sort((a, b) => b.value - a.value)) rows.push([words[one.word], one.value, one.value < 0 ? theme.negative : theme.positive, one.word]);
    if (it.restCount) rows.push([counted(it.restCount, 'further word'), it.rest, it.rest < 0 ? theme.negative : theme.positive, null]);
    if (Math.abs(it.missed) > 1e-3) rows.push(['not additive', it.missed, theme.soft, null]);
    const width = roomFor(root, 560), row = 22, left = 132, right = 80, height = (rows.length + 1) * row + 24;
    let at = 0, least = 0, most = 0;
    for (const [, value] of rows) { at += value; least = Math.min(least, at); most = Math.max(most, at); }
    const across = (value) => left + ((value - least) / (most - least || 1)) * (width - left - right);
    const pieces = [draw('line', { x1: across(0), x2: across(0), y1: 0, y2: height - 20, stroke: theme.ink, 'stroke-dasharray': '3 3' }),
      draw('text', { x: across(0), y: height - 6, 'font-size': 11, 'text-anchor': 'middle', fill: theme.soft }, data.activation === 'relu' ? '0: threshold of the ReLU' : '0')];
    at = 0;
    rows.forEach(([name, value, colour, index], place) => {
      const y = place * row + 3, x = Math.min(across(at), across(at + value));
      pieces.push(draw('rect', { x: x.toFixed(1), y, width: Math.max(1, Math.abs(across(value) - across(0))).toFixed(1), height: row - 6, fill: colour }),
        draw('text', { x: left - 8, y: y + 12, 'text-anchor': 'end', 'font-size': 12, fill: theme.ink, ...(index === null ? { 'font-style': 'italic' } : { class: 'pressable', onclick: () => select(index) }) }, shortened(name, 17)),
        draw('text', { x: width - 4, y: y + 12, 'text-anchor': 'end', 'font-size': 12, fill: theme.ink }, signed(value)));
      at += value;
    });
    const y = rows.length * row + 3;
    pieces.push(draw('text', { x: left - 8, y: y + 12, 'text-anchor': 'end', 'font-size': 12, 'font-weight': 600, fill: theme.ink }, 'total'),
      draw('path', { d: marker('diamond', 6), transform: `translate(${across(it.total).toFixed(1)} ${y + 8})`, fill: theme.ink }),
      draw('text', { x: width - 4, y: y + 12, 'text-anchor': 'end', 'font-size': 12, 'font-weight': 600, fill: theme.ink }, signed(it.total)));
    return draw('svg', { viewBox: `0 0 ${width} ${height}`, class: 'chart narrow', role: 'img',
      'aria-label': `Contributions: ${rows.map(([name, value]) => `${name} ${signed(value)}`).join(', ')}; total ${signed(it.total)}` }, ...pieces);
  }

  // The words of each row of a window; a corpus keeps no order of the words in a row.
  function windowText(each, it) {
    const lines = [], of_word = (index) => (index === word ? make('mark', {}, isolated(words[index])) : isolated(words[index]));
    let shown = new Set();
    for (let row = 0; row < data.window; row++) {
      const at = each * data.window + row, inside = of('text').slice(of('text_offsets')[at], of('text_offsets')[at + 1]);
      inside.forEach((index) => shown.add(index));
      lines.push(make('li', {}, ...[...inside].flatMap((index, place) => [place ? ' ' : '', of_word(index)]), inside.length ? null : '–'));
    }
    const rest = it.size - shown.size;
    return make('div', { class: 'text' }, make('p', { class: 'soft' }, `Words of each row of the window (the corpus keeps no word order)${rest ? `; ${counted(rest, 'further word')}` : ''}:`),
      make('ol', { start: it.row }, ...lines));
  }

  function show() {
    const all = examples.get(placeOf.get(word)) || [];
    if (!all.includes(example)) example = all[0];
    picker.show(word);
    head.replaceChildren(make('strong', {}, isolated(words[word])), ...facts(word).flatMap(([name, value]) => [`, ${name} `, isolated(value)]),
      ...[['its loss would rise most without ', 'helped_by'], ['its loss would fall most without ', 'hurt_by']].flatMap(([title, name]) => (known(name, word) ? [`; ${title}`, isolated(known(name, word))] : [])));
    towers.replaceChildren(...all.map((each) => tower(each, all)));
    legend.replaceChildren('Positive contributions are stacked above the line at 0, negative ones below:',
      ...TOWER_PARTS.map(([name, colour]) => make('span', {}, draw('svg', { width: 14, height: 12, 'aria-hidden': 'true' }, draw('rect', { width: 14, height: 12, fill: colour() })), ` ${name}`)),
      make('span', {}, draw('svg', { width: 14, height: 14, viewBox: '-7 -7 14 14', 'aria-hidden': 'true' }, draw('path', { d: marker('diamond', 5), fill: theme.ink })), ' total'));
    if (example === undefined) { detail.replaceChildren(make('p', { class: 'soft' }, 'No held-out window was read for this word.')); return; }
    const it = parts(example), svg = waterfall(it);
    const rows = data.window === 1 ? `Row ${say(it.row)}` : `Rows ${say(it.row)} to ${say(it.row + data.window - 1)}`;
    const out = data.activation === 'relu' ? `; after the ReLU ${say(Number(Math.max(0, it.total).toPrecision(3)))}` : '';
    detail.replaceChildren(make('p', {}, `${rows} of the held-out text: ${counted(it.size, 'word')}, the word is ${it.present ? 'present' : 'absent'}. The context contributes ${signed(it.added)}; random words of like frequency would contribute ${signed(it.random)} ± ${say(Number(it.deviation.toPrecision(2)))}. Total ${signed(it.total)}${out}.`),
      windowText(example, it),
      make('figure', { class: 'panel' }, svg, saveButtons(() => svg, 'word_explained', 'this sum')),
      make('p', { class: 'soft' }, 'Over all held-out windows: ', make('code', {}, command(word))));
  }
  selection.waiting.push((each) => {
    if (each === null) return;
    if (placeOf.has(each)) { word = each; show(); return; }
    towers.replaceChildren();
    picker.show(each);
    head.replaceChildren(make('strong', {}, isolated(words[each])), ` is not among the ${counted(chosen.length, 'word')} explained here.`);
    detail.replaceChildren(make('p', { class: 'soft' }, 'Explain it with: ', make('code', {}, command(each))));
  });
  theme.waiting.push(show);
  if (word === undefined) head.textContent = 'No word could be explained.'; else show();
}

// A word quoted for Hydra, and for a shell and for Hydra.
const hydraWord = (word) => (/^[\w.-]+$/.test(word) ? word : `"${word.replace(/(["\\])/g, '\\$1')}"`);
const inShell = (text) => `'${text.replace(/'/g, `'\\''`)}'`;
const shellWord = (word) => (hydraWord(word) === word ? word : inShell(hydraWord(word)));
