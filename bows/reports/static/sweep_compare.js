// Two runs side by side: their metrics, and R² of every word in both.
const wordRuns = page.words ? page.words.runs : [];

// The bits of float16 as numbers.
function halves(packed) {
  packed.numbers ??= Float32Array.from(decoded(packed), (bits) => {
    const sign = bits >> 15 ? -1 : 1, power = (bits >> 10) & 31, part = bits & 1023;
    if (power === 31) return part ? NaN : sign * Infinity;
    return sign * (power ? 2 ** (power - 15) * (1 + part / 1024) : 2 ** -14 * (part / 1024));
  });
  return packed.numbers;
}

function wordsOf(run) {
  const found = wordRuns[run];
  return found && { words: page.words.lists[found.list], frequency: halves(page.words.frequencies[found.frequency]), r2: halves(found.r2) };
}

function compare(root) {
  const options = (letter) => [make('option', { value: '' }, `${letter}: none`), ...runs.names.map((_, run) => make('option', { value: run, disabled: !isCompleted(run) }, runTitle(run)))];
  const choices = ['A', 'B'].map((letter, place) => make('select', { id: `compare-${letter}`, onchange: (event) => pick(place, event.target.value === '' ? null : Number(event.target.value)) }, ...options(letter)));
  const place = make('div');
  root.append(make('div', { class: 'controls' }, ...['A', 'B'].map((letter, each) => make('div', { class: 'choice' }, make('label', { for: `compare-${letter}` }, `Run ${letter} `), choices[each])),
    make('button', { type: 'button', onclick: () => { pair.runs.reverse(); for (const told of pair.waiting) told(); } }, 'Swap')), place);
  const show = () => {
    choices.forEach((choice, each) => { choice.value = pair.runs[each] ?? ''; });
    const [a, b] = pair.runs;
    if (a === null || b === null) place.replaceChildren(make('p', { class: 'soft' }, 'Choose two runs, here or by the buttons A and B in the table of runs.'));
    else place.replaceChildren(...differences(a, b), ...byWord(a, b), ...byMetric(a, b));
  };
  pair.waiting.push(show);
  show();
}

function differences(a, b) {
  const turned = runDials.filter((dial) => dial.at(a) !== dial.at(b)).map((dial) => `${dial.name}: ${dial.at(a) ?? '–'} and ${dial.at(b) ?? '–'}`);
  return [make('p', {}, turned.length ? `A and B differ in ${turned.join('; ')}.` : 'A and B do not differ in anything that was varied.')];
}

function byWord(a, b) {
  const [one, other] = [wordsOf(a), wordsOf(b)];
  const title = make('h3', {}, 'Words');
  if (!one || !other) {
    const without = [one ? null : 'A', other ? null : 'B'].filter(Boolean).join(' and ');
    return [title, make('p', { class: 'soft' }, `The words of ${without} are not in this page. The command python -m bows.analyze run=<A> against=<B> compares two runs with all their words.`)];
  }
  const places = new Map(other.words.map((word, at) => [word, at]));
  const both = one.words.map((word, at) => ({ word, at, beside: places.get(word) })).filter((each) => each.beside !== undefined);
  const rows = both.map((each) => ({ word: each.word, often: one.frequency[each.at], oftenB: other.frequency[each.beside], a: one.r2[each.at], b: other.r2[each.beside] }));
  if (!rows.length) return [title, make('p', { class: 'soft' }, 'A and B have no word in common.')];
  const sameTimes = rows.every((row) => Math.abs(row.often - row.oftenB) <= 1e-3 * Math.max(row.often, row.oftenB));
  const known = rows.filter((row) => !absent(row.a) && !absent(row.b));
  const gained = known.filter((row) => row.b > row.a).length;
  const found = [title, make('p', {}, `${say(rows.length)} words are in both${rows.length < Math.max(one.words.length, other.words.length)
    ? ` (A has ${say(one.words.length)} here, B ${say(other.words.length)})` : ''}; R² is higher in B for ${say(gained)}, in A for ${say(known.filter((row) => row.b < row.a).length)}${known.length < rows.length
    ? `, and not known for ${say(rows.length - known.length)}` : ''}.`)];
  if (known.length > 1) found.push(wordScatter(known));
  const box = make('div');
  const column = (name, title, at) => ({ name, title, numeric: true, at });
  sweepTable(box, { id: 'compared-words', what: 'words', count: rows.length, text: (row) => rows[row].word, hint: 'socket   gain>0.1',
    help: 'R² of a word in A and in B, held out; gain is B less A; frequency is the share of held-out windows with the word.', sorted: { name: 'gain', descending: true },
    columns: () => [
      { name: 'word', title: 'word', at: (row) => rows[row].word },
      ...(sameTimes ? [column('frequency', 'frequency', (row) => rows[row].often)]
        : [column('frequency_A', 'frequency in A', (row) => rows[row].often), column('frequency_B', 'frequency in B', (row) => rows[row].oftenB)]),
      column('A', 'R² in A', (row) => rows[row].a), column('B', 'R² in B', (row) => rows[row].b),
      { ...column('gain', 'gain', (row) => rows[row].b - rows[row].a), cell: (row) => (absent(rows[row].b - rows[row].a) ? '–' : signed(rows[row].b - rows[row].a)) },
    ] });
  return [...found, box];
}

const MOST_NAMED = 8; // words written beside their points, those that differ most
const LEAST_R2 = -0.5; // words far below stand at the edge: a few of them would press all others together

function wordScatter(rows) {
  const width = 460, height = 420, left = 52, right = 14, top = 14, bottom = 44;
  const kept = (value) => Math.max(LEAST_R2, value);
  const values = rows.flatMap((row) => [kept(row.a), kept(row.b)]);
  let low = Math.min(...values, 0), high = Math.max(...values, 0.1);
  const margin = (high - low) * 0.04;
  low -= margin; high += margin;
  const across = (value) => left + ((value - low) / (high - low)) * (width - left - right);
  const up = (value) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom);
  const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', class: 'chart square', 'aria-label': `R² of ${rows.length} words in B against A; the table below has the numbers.` });
  const label = (text, attributes) => draw('text', { 'font-size': 12, fill: theme.soft, ...attributes }, text);
  const paint = () => {
    const parts = [];
    for (const value of ticks(low, high, 5)) {
      parts.push(draw('line', { x1: left, x2: width - right, y1: up(value), y2: up(value), stroke: theme.line }), draw('line', { x1: across(value), x2: across(value), y1: top, y2: height - bottom, stroke: theme.line }),
        label(say(value), { x: left - 6, y: up(value) + 4, 'text-anchor': 'end' }), label(say(value), { x: across(value), y: height - bottom + 16, 'text-anchor': 'middle' }));
    }
    parts.push(draw('line', { x1: across(low), y1: up(low), x2: across(high), y2: up(high), stroke: theme.soft, 'stroke-dasharray': '4 3' }),
      label('R² in A', { x: (left + width - right) / 2, y: height - 6, 'text-anchor': 'middle' }),
      label('R² in B', { x: 12, y: (top + height - bottom) / 2, 'text-anchor': 'middle', transform: `rotate(-90 12 ${(top + height - bottom) / 2})` }));
    for (const row of rows) parts.push(draw('circle', { cx: across(kept(row.a)).toFixed(1), cy: up(kept(row.b)).toFixed(1), r: 2.4, fill: theme.kinds[0], 'fill-opacity': 0.5 }, draw('title', {}, `${row.word}: ${say(row.a)} and ${say(row.b)}`)));
    const named = [];
    for (const row of [...rows].sort((one, other) => Math.abs(kept(other.b) - kept(other.a)) - Math.abs(kept(one.b) - kept(one.a)))) {
      const x = across(kept(row.a)), y = up(kept(row.b)), near = x > width * 0.7;
      if (named.some((other) => Math.abs(other.x - x) < 110 && Math.abs(other.y - y) < 14)) continue;
      named.push({ x, y });
      parts.push(label(shortened(row.word), { x: x + (near ? -6 : 6), y: y + 4, 'text-anchor': near ? 'end' : 'start', fill: theme.ink }));
      if (named.length === MOST_NAMED) break;
    }
    svg.replaceChildren(...parts);
  };
  paint();
  onTheme(paint);
  const beyond = rows.filter((row) => row.a < LEAST_R2 || row.b < LEAST_R2).length;
  return make('figure', { class: 'panel' }, svg, make('figcaption', { class: 'soft' }, `Each word by its R² in A and in B; on the dashed line they are alike, above it B is better.${
    beyond ? ` ${say(beyond)} below ${say(LEAST_R2)} stand at the edge.` : ''} `, saveButtons(() => svg, 'words', 'the words of two runs')));
}

function byMetric(a, b) {
  const rows = runs.metrics.names.map((name, place) => ({ name, a: metricValues(place)[a], b: metricValues(place)[b], phrase: runs.metrics.meanings[place] })).filter((row) => !absent(row.a) || !absent(row.b));
  if (!rows.length) return [];
  const box = make('div');
  const details = make('details', {}, make('summary', {}, `All ${say(rows.length)} metrics of A and B`), box);
  sweepTable(box, { id: 'compared-metrics', what: 'metrics', count: rows.length, text: (row) => rows[row].name, hint: 'ring   difference>0', help: 'Difference is B less A.',
    columns: () => [
      { name: 'metric', title: 'metric', at: (row) => rows[row].name },
      { name: 'A', title: 'A', numeric: true, at: (row) => rows[row].a }, { name: 'B', title: 'B', numeric: true, at: (row) => rows[row].b },
      { name: 'difference', title: 'difference', numeric: true, at: (row) => rows[row].b - rows[row].a, cell: (row) => (absent(rows[row].b - rows[row].a) ? '–' : signed(rows[row].b - rows[row].a)) },
      { name: 'what it says', title: 'what it says', at: (row) => rows[row].phrase || null },
    ] });
  return [details];
}
