// Two runs of the sweep compared: their metrics, and R² of every word in both.
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
    make('button', { type: 'button', onclick: () => { pair.runs.reverse(); for (const notify of pair.waiting) notify(); } }, 'Swap')), place);
  const show = () => {
    choices.forEach((choice, each) => { choice.value = pair.runs[each] ?? ''; });
    const [a, b] = pair.runs;
    if (a === null || b === null) place.replaceChildren(make('p', { class: 'soft' }, 'Choose two runs here, or with the buttons A and B in the table of runs.'));
    else place.replaceChildren(...differences(a, b), ...byWord(a, b), ...byMetric(a, b));
  };
  pair.waiting.push(show);
  show();
}

function differences(a, b) {
  const varied = runSettings.filter((setting) => setting.at(a) !== setting.at(b)).map((setting) => `${setting.name}: ${setting.at(a) ?? '–'} and ${setting.at(b) ?? '–'}`);
  return [make('p', {}, varied.length ? `A and B differ in ${varied.join('; ')}.` : 'A and B have the same settings.')];
}

function byWord(a, b) {
  const [one, other] = [wordsOf(a), wordsOf(b)];
  const title = make('h3', {}, 'Words');
  if (!one || !other) {
    const without = [one ? null : 'A', other ? null : 'B'].filter(Boolean).join(' and ');
    return [title, make('p', { class: 'soft' }, `The words of ${without} are not in this report. python -m bows.analyze run=<A> against=<B> compares two runs with all their words.`)];
  }
  const places = new Map(other.words.map((word, at) => [word, at]));
  const both = one.words.map((word, at) => ({ word, at, other: places.get(word) })).filter((each) => each.other !== undefined);
  const rows = both.map((each) => ({ word: each.word, often: one.frequency[each.at], oftenB: other.frequency[each.other], a: one.r2[each.at], b: other.r2[each.other] }));
  if (!rows.length) return [title, make('p', { class: 'soft' }, 'A and B have no word in common.')];
  const sameTimes = rows.every((row) => Math.abs(row.often - row.oftenB) <= 1e-3 * Math.max(row.often, row.oftenB));
  const known = rows.filter((row) => !absent(row.a) && !absent(row.b));
  const gained = known.filter((row) => row.b > row.a).length;
  const found = [title, make('p', {}, `${counted(rows.length, 'word')} ${rows.length === 1 ? 'is' : 'are'} in both${rows.length < Math.max(one.words.length, other.words.length)
    ? ` (A has ${say(one.words.length)} here, B ${say(other.words.length)})` : ''}; R² is higher in B for ${say(gained)}, in A for ${say(known.filter((row) => row.b < row.a).length)}${known.length < rows.length
    ? `, unknown for ${say(rows.length - known.length)}` : ''}.`)];
  const box = make('div');
  const column = (name, title, at) => ({ name, title, numeric: true, at });
  dataTable(box, { id: 'compared-words', what: 'words', count: rows.length, text: (row) => rows[row].word, hint: 'socket   gain>0.1',
    help: 'Held-out R² of each word in A and B; gain: B minus A; frequency: share of the held-out windows with the word.', sorted: { name: 'gain', descending: true },
    columns: () => [
      { name: 'word', title: 'word', at: (row) => rows[row].word },
      ...(sameTimes ? [column('frequency', 'frequency', (row) => rows[row].often)]
        : [column('frequency_A', 'frequency in A', (row) => rows[row].often), column('frequency_B', 'frequency in B', (row) => rows[row].oftenB)]),
      column('A', 'R² in A', (row) => rows[row].a), column('B', 'R² in B', (row) => rows[row].b),
      { ...column('gain', 'gain', (row) => rows[row].b - rows[row].a), cell: (row) => (absent(rows[row].b - rows[row].a) ? '–' : signed(rows[row].b - rows[row].a)) },
    ] });
  return [...found, box];
}

function byMetric(a, b) {
  const rows = runs.metrics.names.map((name, place) => ({ name, a: metricValues(place)[a], b: metricValues(place)[b], phrase: runs.metrics.meanings[place] })).filter((row) => !absent(row.a) || !absent(row.b));
  if (!rows.length) return [];
  const box = make('div');
  const details = make('details', {}, make('summary', {}, `${counted(rows.length, 'metric')} of A and B`), box);
  dataTable(box, { id: 'compared-metrics', what: 'metrics', count: rows.length, text: (row) => rows[row].name, hint: 'ring   difference>0', help: 'Difference: B minus A.',
    columns: () => [
      { name: 'metric', title: 'metric', at: (row) => rows[row].name },
      { name: 'A', title: 'A', numeric: true, at: (row) => rows[row].a }, { name: 'B', title: 'B', numeric: true, at: (row) => rows[row].b },
      { name: 'difference', title: 'difference', numeric: true, at: (row) => rows[row].b - rows[row].a, cell: (row) => (absent(rows[row].b - rows[row].a) ? '–' : signed(rows[row].b - rows[row].a)) },
      { name: 'meaning', title: 'meaning', at: (row) => rows[row].phrase || null },
    ] });
  return [details];
}
