// The runs of the sweep in a table, and the two that are chosen for comparison.
const runs = page.runs;
const runCount = runs.names.length;
const metricValues = (place) => decoded(runs.metrics.values).subarray(place * runCount, (place + 1) * runCount);
const ofCodes = (coded) => (run) => coded.values[decoded(coded.codes)[run]];
const runState = ofCodes(runs.state);
const runSettings = runs.settings.map((setting) => ({ name: setting.name, numeric: setting.values.every((value) => typeof value === 'number'), at: ofCodes(setting) }));
const metricPlaces = new Map(runs.metrics.names.map((name, place) => [name, place]));
const isCompleted = (run) => runState(run) === 'completed';
const completedRuns = runs.names.filter((_, run) => isCompleted(run)).length;

// The title of a run: its name and the settings that vary.
function runTitle(run) {
  const values = runSettings.filter((setting) => !absent(setting.at(run))).map((setting) => `${setting.name} ${setting.at(run)}`);
  return `${runs.names[run]}${values.length ? `: ${values.join(', ')}` : ''}`;
}

function metricColumn(name, drop) {
  const values = metricValues(metricPlaces.get(name));
  let lacking = 0;
  for (let run = 0; run < runCount; run++) lacking += isCompleted(run) && Number.isNaN(values[run]);
  return { name, title: name, numeric: true, at: (run) => values[run], drop, note: lacking ? `not in ${say(lacking)} of ${say(completedRuns)}` : '' };
}

const pair = { runs: [null, null], waiting: [] };

function pick(place, run) {
  if (pair.runs[1 - place] === run) pair.runs[1 - place] = pair.runs[place];
  pair.runs[place] = run;
  for (const notify of pair.waiting) notify();
}

function runTable(root) {
  const added = [...runs.shown];
  const seconds = decoded(runs.seconds);
  const mark = (run) => make('span', { class: 'save' }, ...['A', 'B'].map((letter, place) => make('button', { type: 'button',
    'aria-pressed': String(pair.runs[place] === run), 'aria-label': `Compare run ${runs.names[run]} as ${letter}`, 'data-run': run, 'data-place': place, onclick: () => pick(place, run) }, letter)));
  const name = (run) => (runs.addresses[run] ? make('a', { href: runs.addresses[run] }, isolated(runs.names[run])) : isolated(runs.names[run]));
  const state = (run) => make('span', { class: runState(run) }, runState(run));
  const columns = () => [
    { name: 'run', title: 'run', at: (run) => runs.names[run], cell: name },
    { name: 'compare', title: 'compare', fixed: true, cell: (run) => (isCompleted(run) ? mark(run) : '') },
    { name: 'state', title: 'state', at: runState, cell: state },
    ...runSettings.map((setting) => ({ ...setting, title: setting.name })),
    ...added.map((each) => metricColumn(each, () => { added.splice(added.indexOf(each), 1); table.redraw(); })),
    { name: 'seconds', title: 'seconds', numeric: true, at: (run) => seconds[run] },
  ];
  const setting = runSettings.find((each) => each.numeric && each.at(0) !== undefined);
  const example = [setting ? `${setting.name}=${setting.at(0)}` : null, runs.shown[0] ? `${runs.shown[0]}>0.1` : null, 'state=failed'].filter(Boolean).join('   ');
  const known = make('datalist', { id: 'metric-names' }, ...runs.metrics.names.map((each, place) => make('option', { value: each, label: runs.metrics.meanings[place] || undefined })));
  const wanted = make('input', { type: 'search', id: 'metric-wanted', class: 'long', list: 'metric-names', autocomplete: 'off', spellcheck: 'false', placeholder: runs.metrics.names[0] || '' });
  const refused = make('span', { class: 'soft', role: 'status' });
  const add = () => {
    const name = wanted.value.trim();
    refused.textContent = '';
    if (!name) return;
    if (!metricPlaces.has(name)) refused.textContent = `No run has the metric ${name}.`;
    else if (!added.includes(name)) { added.push(name); table.redraw(); wanted.value = ''; }
    else refused.textContent = `${name} is already a column.`;
  };
  wanted.addEventListener('keydown', (event) => { if (event.key === 'Enter') { add(); event.preventDefault(); } });
  wanted.addEventListener('change', () => { if (metricPlaces.has(wanted.value.trim())) add(); });
  if (runs.metrics.names.length) {
    root.append(make('div', { class: 'controls' }, make('div', { class: 'grow' }, make('label', { for: 'metric-wanted' }, `Add a metric as a column (${say(runs.metrics.names.length)} measured) `),
      wanted, known, ' ', make('button', { type: 'button', onclick: add }, 'Add'), ' ', refused)));
  }
  const text = (run) => `${runs.names[run]} ${runState(run)} ${runSettings.map((each) => (absent(each.at(run)) ? '' : each.at(run))).join(' ')}`;
  const table = dataTable(root, { id: 'run-table', what: 'runs', count: runCount, columns, text, hint: example, order: 'in the order of the folders',
    help: 'A part of a name or value; or a column with <, >, <=, >= or = and a value, as wd=1; separate several conditions by spaces. A dash: the run has no such value; metric=– finds these runs.' });
  const picked = make('p', { role: 'status' });
  root.append(picked);
  pair.waiting.push(() => {
    for (const button of root.querySelectorAll('button[data-run]')) button.setAttribute('aria-pressed', String(pair.runs[button.dataset.place] === Number(button.dataset.run)));
    const chosen = pair.runs.map((run, place) => (run === null ? null : `${'AB'[place]} is ${runTitle(run)}`)).filter(Boolean);
    picked.replaceChildren(...(chosen.length ? [`${chosen.join('; ')}. `, make('a', { href: '#compare' }, chosen.length === 2 ? 'Compare them' : 'Choose another')] : []));
  });
}
