// The table of a report: it sorts, filters, pages and saves as CSV. Rows are whole numbers; only those of one page are in the document.
const TABLE_ROWS = 25;
const TERM = /^(.+?)(<=|>=|=|<|>)(.*)$/;
const absent = (value) => value === undefined || value === null || Number.isNaN(value);

// Rows as CSV, numbers in six significant digits.
function csvOf(columns, rows) {
  // A cell that a spreadsheet would take for a formula is text to it with an apostrophe in front.
  const cell = (value) => {
    const written = absent(value) ? '' : typeof value === 'number' ? String(Number(value.toPrecision(6))) : String(value);
    return `"${(typeof value === 'string' && /^[=+\-@\t\r]/.test(written) ? `'${written}` : written).replaceAll('"', '""')}"`;
  };
  const kept = columns.filter((column) => column.text || !column.fixed);
  const lines = [kept.map((column) => cell(column.name)).join(','), ...rows.map((row) => kept.map((column) => cell((column.text || column.at)(row))).join(','))];
  return new Blob(['\ufeff' + lines.join('\r\n')], { type: 'text/csv' });
}

// columns(): [{name, title, meaning?, numeric, at(row), cell?(row), note?, drop?, fixed?}], read again by redraw(). text(row): what a term of the
// filter without a sign is searched in. what: the rows' name, for labels and the file. sorted: {name, descending} at first. order: what the rows
// are ordered by where they are not sorted. unmeasured: names of columns that have no value, for the file alone. A fixed column with `text(row)` is
// in the file too.
function dataTable(root, { id, what, count, columns, text, hint, help, sorted = null, order: ownOrder = '', unmeasured = [] }) {
  let shown = columns(), order = Array.from({ length: count }, (_, row) => row), rows = order, first = 0;
  const filter = make('input', { type: 'search', id: `${id}-filter`, class: 'long', spellcheck: 'false', dir: 'auto', placeholder: hint });
  const note = make('span', { class: 'soft', role: 'status' });
  const position = make('span', { role: 'status' });
  const heads = make('tr'), body = make('tbody');
  const turn = (label, sign, by) => make('button', { type: 'button', 'aria-label': label, onclick: () => { first += by * TABLE_ROWS; show(); } }, sign);
  const back = turn('Previous page', '←', -1), on = turn('Next page', '→', 1);
  const pages = make('p', { class: 'turns' }, back, ' ', position, ' ', on);
  root.append(
    make('div', { class: 'controls' }, make('div', { class: 'grow' }, make('label', { for: filter.id }, `Filter ${what} `), filter, ' ', note),
      make('span', { class: 'save' }, make('button', { type: 'button', onclick: csv }, 'CSV'))),
    make('p', { class: 'soft' }, help),
    make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Table of ${what}` },
      make('table', { id, class: 'sorting' }, make('thead', {}, heads), body)),
    pages);

  function head(column) {
    const direction = sorted && sorted.name === column.name ? (sorted.descending ? 'descending' : 'ascending') : 'none';
    const button = column.fixed ? column.title : make('button', { type: 'button', title: column.meaning || undefined, onclick: () => sort(column) }, column.title);
    const drop = column.drop && make('button', { type: 'button', class: 'drop', 'aria-label': `Remove the column ${column.title}`, onclick: column.drop }, '×');
    return make('th', { scope: 'col', class: column.numeric ? 'number' : undefined, 'aria-sort': column.fixed ? undefined : direction }, button, drop,
      column.note ? make('small', { class: 'soft' }, column.note) : null);
  }
  function arrange() {
    const column = sorted && shown.find((each) => each.name === sorted.name);
    order = Array.from({ length: count }, (_, row) => row);
    if (!column) return;
    const sign = sorted.descending ? -1 : 1, keys = order.map((row) => column.at(row));
    order.sort((one, other) => {
      const a = keys[one], b = keys[other];
      if (absent(a) || absent(b)) return absent(a) - absent(b) || one - other; // what is not known comes last either way
      const before = typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true });
      return sign * before || one - other;
    });
  }
  function sort(column) {
    sorted = { name: column.name, descending: sorted && sorted.name === column.name ? !sorted.descending : column.numeric };
    refresh();
    const place = shown.findIndex((each) => each.name === column.name);
    heads.children[place].querySelector('button').focus(); // the heads are new, and the keyboard stays where it was
  }
  function test(term) {
    const parts = TERM.exec(term);
    if (!parts) return (row) => text(row).toLowerCase().includes(term.toLowerCase());
    const [, name, sign, bound] = parts, column = find(name);
    if (!column) throw new Error(`there is no column ${name}`);
    const number = bound.trim() === '' ? NaN : Number(bound);
    if (sign === '=') {
      return (row) => {
        const value = column.at(row);
        if (absent(value)) return bound === '–' || bound === '-';
        return typeof value === 'number' ? Math.abs(value - number) <= 1e-6 * Math.max(Math.abs(number), 1e-300) : String(value).toLowerCase() === bound.toLowerCase();
      };
    }
    if (Number.isNaN(number)) throw new Error(`${bound || 'nothing'} is not a number`);
    const holds = { '<': (value) => value < number, '>': (value) => value > number, '<=': (value) => value <= number, '>=': (value) => value >= number }[sign];
    return (row) => { const value = column.at(row); return typeof value === 'number' && holds(value); };
  }
  const plainly = (name) => name.replace('²', '2').toLowerCase();
  const find = (name) => shown.find((column) => !column.fixed && [column.name, column.title].some((each) => plainly(each) === plainly(name)));
  function sift() {
    note.textContent = '';
    try {
      const tests = filter.value.replace(/\s*(<=|>=|=|<|>)\s*/g, '$1').split(/\s+/).filter(Boolean).map(test);
      rows = order.filter((row) => tests.every((each) => each(row)));
    } catch (error) {
      note.textContent = `${error.message}.`;
    }
    first = 0;
    show();
  }
  function show() {
    first = Math.max(0, Math.min(first, rows.length - 1));
    first -= first % TABLE_ROWS;
    body.replaceChildren(...rows.slice(first, first + TABLE_ROWS).map((row) => make('tr', {}, ...shown.map((column, place) => {
      const content = column.cell ? column.cell(row) : column.numeric ? say(column.at(row)) : absent(column.at(row)) ? '–' : isolated(String(column.at(row)));
      return make(place ? 'td' : 'th', { scope: place ? undefined : 'row', class: column.numeric ? 'number' : undefined }, content);
    }))));
    const last = Math.min(rows.length, first + TABLE_ROWS);
    const column = sorted && shown.find((each) => each.name === sorted.name);
    const by = column ? `sorted by ${column.title}, ${sorted.descending ? 'descending' : 'ascending'}` : ownOrder;
    position.textContent = rows.length ? `${say(first + 1)} to ${say(last)} of ${say(rows.length)}${rows.length < count ? ` (${say(count)} in total)` : ''}${by ? `, ${by}` : ''}` : 'no match';
    back.disabled = first === 0;
    on.disabled = last >= rows.length;
  }
  function refresh() {
    heads.replaceChildren(...shown.map(head));
    arrange();
    sift();
  }
  function csv() {
    save(csvOf([...shown, ...unmeasured.map((name) => ({ name, at: () => null }))], rows), `${what}.csv`);
  }
  filter.addEventListener('input', sift);
  refresh();
  return { redraw: () => { shown = columns(); refresh(); } };
}
