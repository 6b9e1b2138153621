// The Gram matrix of chosen words beside their covariance over the held-out windows.
const MOST_GRAM = 40;
const FIRST_GRAM = 14;

function gramPart(root) {
  const chosen = page.gram.words, placeOf = new Map(chosen.map((word, place) => [word, place])), count = chosen.length;
  const groups = [];
  if (page.groups) {
    page.groups.sets.forEach((name, set) => groups.push([name, page.groups.members[set].filter((word) => placeOf.has(word))]));
    const category = decoded(page.groups.category);
    page.groups.categories.forEach((name, place) => groups.push([`category ${name}`, chosen.filter((word) => category[word] === place)]));
  }
  const offered = groups.filter(([, members]) => members.length > 1).map(([name, members]) => [name, members.slice(0, MOST_GRAM)]);
  if (page.rings) { // the set that lies best in its order comes first
    const best = page.rings.rings.map((ring) => ring.name);
    offered.sort((one, other) => (best.indexOf(one[0]) + 1 || 999) - (best.indexOf(other[0]) + 1 || 999));
  }
  let shown = offered.length ? offered[0][1] : chosen.slice(0, FIRST_GRAM);
  const choice = make('select', { id: 'gram-set' }, ...offered.map(([name], place) => make('option', { value: place }, name)), make('option', { value: -1 }, 'words of your own'));
  if (!offered.length) choice.value = -1;
  const unit = make('input', { type: 'checkbox', id: 'gram-unit', checked: true });
  const chips = make('p', { class: 'chips' });
  const readout = make('p', { class: 'readout', role: 'status' });
  const place = make('div', { class: 'charts' });
  const picker = wordPicker('Add a word', new Set(chosen), (word) => { add(word); picker.show(null); }, 'type a word');
  root.append(
    make('div', { class: 'controls' }, make('div', {}, make('label', { for: 'gram-set' }, 'Words '), choice), picker.box,
      make('div', {}, unit, make('label', { for: 'gram-unit' }, ' scaled to ones on the diagonal: cosine and correlation'))),
    chips, place, readout,
    make('p', { class: 'soft' }, `${page.gram.tied ? 'Gram matrix WᵀW' : 'Effective map D E (the model is not tied)'}; blue is below 0, red above. ` +
      (page.covariance ? `Covariance over ${page.covariance.said}. ` : '') +
      (count < words.length ? `Of ${say(count)} words: those of the ordered sets, of categories, and the most frequent.` : '')));
  if (!page.covariance) root.append(make('p', { class: 'soft' }, page.notes.covariance));

  function add(word) {
    if (!shown.includes(word) && shown.length < MOST_GRAM) shown = [...shown, word];
    own();
  }
  function own() {
    choice.value = -1;
    show();
  }
  function scaled(matrix) {
    const at = shown.map((word) => placeOf.get(word));
    const entry = (row, column) => matrixEntry(matrix, count, at[row], at[column]);
    const diagonal = at.map((_, row) => entry(row, row));
    if (!unit.checked) return [entry, []];
    // A word that no held-out window holds, or without a direction, has no correlation or cosine.
    return [(row, column) => (diagonal[row] > 0 && diagonal[column] > 0 ? entry(row, column) / Math.sqrt(diagonal[row] * diagonal[column]) : NaN), shown.filter((_, row) => !(diagonal[row] > 0))];
  }
  function show() {
    chips.replaceChildren(...shown.flatMap((word) => [make('button', { type: 'button', class: 'word', 'aria-label': `Take ${words[word]} away`,
      onclick: () => { shown = shown.filter((each) => each !== word); own(); } }, isolated(words[word]), ' ×'), ' ']));
    readout.textContent = '';
    if (!shown.length) { place.replaceChildren(make('p', { class: 'soft' }, 'Add a word, or choose a set.')); return; }
    const labels = shown.map((word) => words[word]);
    const parts = [[page.gram.tied ? 'Gram matrix' : 'Effective map', page.gram.matrix], ...(page.covariance ? [['Covariance', page.covariance.matrix]] : [])];
    const maps = [];
    const notes = [];
    const told = (row, column) => {
      maps.forEach((each) => each.map.mark([row, column]));
      readout.replaceChildren(isolated(labels[row]), ' and ', isolated(labels[column]), ': ' + maps.map((each) => `${each.title} ${say(each.value(row, column))}`).join(', '));
    };
    for (const [name, matrix] of parts) {
      const [value, without] = scaled(matrix);
      if (without.length) notes.push(make('p', { class: 'soft' }, ...without.flatMap((word, place) => [place ? ', ' : '', isolated(words[word])]), name === 'Covariance' ? ': in no held-out window, or in all of them.' : ': nothing on the diagonal to scale by.'));
      const title = !unit.checked ? name : name === 'Covariance' ? 'Correlation' : name === 'Gram matrix' ? 'Cosine' : 'Effective map, scaled';
      maps.push({ title, value, map: heatMap(title, labels, value, told) });
    }
    place.replaceChildren(...maps.map(({ title, map }) => make('figure', { class: 'panel' }, make('figcaption', {}, title), map.svg,
      saveButtons(() => map.svg, title.toLowerCase().replace(/\W+/g, '_'), title))), make('div', {}, ...notes));
  }
  choice.addEventListener('change', () => { if (choice.value >= 0) shown = offered[choice.value][1]; show(); });
  unit.addEventListener('change', show);
  show();
}
