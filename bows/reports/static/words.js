// The words: the columns of the table, and which word is selected.
const words = page.words || [];
const columns = new Map();
for (const column of page.table ? page.table.columns : []) {
  columns.set(column.name, column.numbers
    ? { ...column, numeric: true, at: (word) => decoded(column.numbers)[word] }
    : { ...column, numeric: false, at: (word) => column.values[decoded(column.codes)[word]] });
}
if (page.groups && page.groups.categories.length) {
  columns.set('category', { name: 'category', numeric: false, meaning: 'category of analysis.categories',
    at: (word) => page.groups.categories[decoded(page.groups.category)[word]] });
}
const known = (name, word) => (columns.has(name) ? columns.get(name).at(word) : undefined);

// The words nearest to one, nearest first: [{word, cosine}]; cosine undefined where the weights could not be read.
function nearest(word) {
  const found = page.neighbours;
  if (!found || !found.each) return [];
  const indices = decoded(found.indices), cosines = found.cosines && decoded(found.cosines);
  const row = [];
  for (let place = word * found.each; place < (word + 1) * found.each; place++) {
    if (indices[place] < words.length) row.push({ word: indices[place], cosine: cosines ? cosines[place] : undefined });
  }
  return row;
}

// The facts that every view of a word shows, where they are known.
const FACTS = [['frequency', 'frequency'], ['R²', 'r2'], ['regime', 'regime'], ['category', 'category'], ['norm', 'norm'], ['opposite word', 'antipode']];

function facts(word) {
  return (page.facts || FACTS).map(([title, name]) => [title, known(name, word)])
    .filter(([, value]) => value !== undefined && value !== null && !Number.isNaN(value)).map(([title, value]) => [title, say(value)]);
}

const selection = { word: null, waiting: [] };

// Select a word, or none (null), and notify the views of words.
function select(word) {
  selection.word = word;
  for (const notify of selection.waiting) notify(word);
}

function wordButton(word, pressed = select) {
  return make('button', { type: 'button', class: 'word', onclick: () => pressed(word) }, isolated(words[word]));
}
