// All words as a table that sorts and filters; only the rows of one page stand in the document.
const PAGE_ROWS = 25;
const FIRST_COLUMNS = page.gains ? ['frequency', ...page.gains] : ['frequency', 'r2', 'regime', 'category'];
const CONDITION = /^([\w²]+)\s*(<=|>=|=|<|>)\s*(.+)$/;

// What may be typed, of this run's own words and columns.
function exampleFilter() {
  const numeric = [...columns.values()].find((column) => column.numeric), text = columns.get('regime') || columns.get('category');
  return [words[0], numeric && `${numeric.name}>0.5`, text && `${text.name}=${text.at(0) ?? text.at(1)}`].filter(Boolean).join('   ');
}

function wordTable(root) {
  const leading = FIRST_COLUMNS.filter((name) => columns.has(name));
  const shown = [...leading, ...[...columns.keys()].filter((name) => !leading.includes(name))].map((name) => columns.get(name));
  let order = words.map((_, word) => word), rows = order, sorted = null, descending = true, first = 0;
  const filter = make('input', { type: 'search', id: 'table-filter', spellcheck: 'false', dir: 'auto', placeholder: exampleFilter() });
  const note = make('span', { class: 'soft', role: 'status' });
  const said = make('span', { role: 'status' });
  const body = make('tbody');
  const heads = new Map();
  const head = (name, title, meaning) => {
    const button = make('button', { type: 'button', title: meaning || undefined, onclick: () => sort(name) }, title);
    const cell = make('th', { scope: 'col', 'aria-sort': 'none', class: columns.has(name) && columns.get(name).numeric ? 'number' : undefined }, button);
    heads.set(name, cell);
    return cell;
  };
  const near = page.neighbours && page.neighbours.each;
  // The nearest words after the first columns, where there are any.
  const beside = (cells, cell) => (near ? [...cells.slice(0, leading.length), cell(), ...cells.slice(leading.length)] : cells);
  const table = make('table', { id: 'word-table' }, make('thead', {}, make('tr', {}, head('word', page.of_pairs ? 'item' : 'word', ''),
    ...beside(shown.map((column) => head(column.name, column.name.replaceAll('_', ' '), column.meaning)), () => make('th', { scope: 'col' }, 'nearest')))), body);
  const turn = (label, text, by) => make('button', { type: 'button', 'aria-label': label, onclick: () => { first = Math.min(Math.max(0, first + by * PAGE_ROWS), Math.max(0, rows.length - 1)); first -= first % PAGE_ROWS; show(); } }, text);
  root.append(make('div', { class: 'controls' }, make('div', { class: 'grow' }, make('label', { for: 'table-filter' }, 'Filter '), filter, ' ', note), make('span', { class: 'save' }, make('button', { type: 'button', onclick: csv }, 'CSV'))),
    make('p', { class: 'soft' }, 'A word or a part of it; or a column with <, >, <=, >= or = and a value; several, parted by spaces, hold together. Press a word to look at it on the map.'),
    make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Word table' }, table),
    make('p', { class: 'turns' }, turn('Page back', '←', -1), ' ', said, ' ', turn('Page on', '→', 1)));
  if (page.table && page.table.unmeasured.length) root.append(make('p', { class: 'soft' }, `Not measured by this run: ${page.table.unmeasured.join(', ')}.`));

  const value = (name, word) => (name === 'word' ? words[word] : known(name, word));
  const missing = (each) => each === undefined || each === null || Number.isNaN(each);
  function sort(name) {
    descending = sorted === name ? !descending : name !== 'word' && columns.get(name).numeric;
    sorted = name;
    const sign = descending ? -1 : 1;
    order = words.map((_, word) => word).sort((one, other) => {
      const a = value(name, one), b = value(name, other);
      if (missing(a) || missing(b)) return missing(a) - missing(b) || one - other; // what is not known comes last either way
      return sign * (typeof a === 'number' ? a - b : a < b ? -1 : a > b ? 1 : 0) || one - other;
    });
    heads.forEach((cell, each) => cell.setAttribute('aria-sort', each === name ? (descending ? 'descending' : 'ascending') : 'none'));
    sift();
  }
  function test(term) {
    const parts = CONDITION.exec(term);
    if (!parts) { const sought = term.toLowerCase(); return (word) => lowered(word).includes(sought); }
    const name = parts[1].replace('²', '2').toLowerCase(), column = [...columns.values()].find((each) => each.name.toLowerCase() === name);
    if (!column) throw new Error(`there is no column ${parts[1]}`);
    const sign = parts[2], bound = Number(parts[3]);
    if (!column.numeric) {
      if (sign !== '=') throw new Error(`${column.name} is text: it takes =`);
      return (word) => String(column.at(word) ?? '').toLowerCase() === parts[3].toLowerCase();
    }
    if (Number.isNaN(bound)) throw new Error(`${parts[3]} is no number`);
    const holds = { '<': (v) => v < bound, '>': (v) => v > bound, '<=': (v) => v <= bound, '>=': (v) => v >= bound, '=': (v) => Math.abs(v - bound) <= 1e-6 * Math.max(1, Math.abs(bound)) }[sign];
    return (word) => holds(column.at(word));
  }
  function sift() {
    note.textContent = '';
    try {
      const tests = filter.value.replace(/\s*(<=|>=|=|<|>)\s*/g, '$1').split(/\s+/).filter(Boolean).map(test);
      rows = tests.length ? order.filter((word) => tests.every((each) => each(word))) : order;
    } catch (error) {
      note.textContent = `${error.message}.`;
    }
    first = 0;
    show();
  }
  function show() {
    body.replaceChildren(...rows.slice(first, first + PAGE_ROWS).map((word) => make('tr', {}, make('th', { scope: 'row' }, wordButton(word)),
      ...beside(shown.map((column) => make('td', { class: column.numeric ? 'number' : undefined }, column.numeric ? say(column.at(word)) : isolated(column.at(word) ?? '–'))),
        () => make('td', { class: 'nearest' }, ...nearest(word).slice(0, 5).flatMap((each, place) => [place ? ', ' : '', isolated(words[each.word])]))))));
    said.textContent = rows.length ? `${say(first + 1)} to ${say(Math.min(rows.length, first + PAGE_ROWS))} of ${say(rows.length)}${rows.length < words.length ? ` (${say(words.length)} in all)` : ''}` : 'none fits';
  }
  // A cell that a spreadsheet would take for a formula is text to it with an apostrophe in front.
  const cell = (each) => { const text = missing(each) ? '' : String(each); return `"${(typeof each === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`; };
  function csv() {
    const lines = [['word', ...shown.map((column) => column.name)].map(cell).join(','), ...rows.map((word) => [words[word], ...shown.map((column) => column.at(word))].map(cell).join(','))];
    save(new Blob(['\ufeff' + lines.join('\r\n')], { type: 'text/csv' }), 'words.csv');
  }
  filter.addEventListener('input', sift);
  if (page.gains) sort(page.gains[page.gains.length - 1]); else show();
}
