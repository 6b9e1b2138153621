// All words in a table.
function wordTable(root) {
  const shown = wordColumns();
  const numeric = [...columns.values()].find((each) => each.numeric), text = columns.get('regime') || columns.get('category');
  const named = text && words.map((_, word) => text.at(word)).find((each) => each !== undefined && each !== null);
  const example = [words[0], numeric && `${numeric.name}>0.5`, named && `${text.name}=${named}`].filter(Boolean).join('   ');
  dataTable(root, { id: 'word-table', what: page.of_pairs ? 'items' : 'words', count: words.length, columns: () => shown, text: (word) => words[word], hint: example,
    order: page.order, unmeasured: page.table ? page.table.unmeasured : [],
    sorted: page.gains ? { name: page.gains[page.gains.length - 1], descending: true } : null,
    help: 'A word or a part of it; or a column with <, >, <=, >= or = and a value; separate several conditions by spaces. Press a word to select it on the map.' });
  if (page.table && page.table.unmeasured.length) root.append(make('p', { class: 'soft' }, `Not measured by this run: ${page.table.unmeasured.join(', ')}.`));
}

// The columns of the table of all words, the main ones first.
function wordColumns() {
  const near = page.neighbours && page.neighbours.each;
  const first = (page.gains ? ['frequency', ...page.gains] : ['frequency', 'r2', 'regime', 'category']).filter((name) => columns.has(name));
  const TITLES = { largest_cosine: 'largest |cosine|', nearest_cosine: 'cosine with the nearest' };
  const column = (name) => ({ ...columns.get(name), title: TITLES[name] || name.replaceAll('_', ' ') });
  const nearestWords = (word) => make('span', { class: 'nearest' }, ...nearest(word).slice(0, 5).flatMap((each, place) => [place ? ', ' : '', isolated(words[each.word])]));
  return [
    { name: 'word', title: page.of_pairs ? 'item' : 'word', at: (word) => words[word], cell: (word) => wordButton(word) },
    ...first.map(column),
    ...(near ? [{ name: 'nearest', title: 'nearest', fixed: true, cell: nearestWords, text: (word) => nearest(word).map((each) => words[each.word]).join(' ') }] : []),
    ...[...columns.keys()].filter((name) => !first.includes(name)).map(column),
  ];
}
