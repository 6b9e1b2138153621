// Start each section, and the controls in the markup: copy, filter the metrics, save images. The script has the functions of its report's sections.
const PARTS = [['map', () => wordMap, page.map && page.words], ['maps', () => comparedMaps, page.compared], ['explainer', () => explainer, page.explainer && page.words],
  ['table', () => wordTable, page.words], ['runs', () => runTable, page.runs], ['compare', () => compare, page.runs], ['chart', () => sweepChart, page.runs]];

for (const [name, part, data] of PARTS) {
  const root = byId(`${name}-part`);
  if (!data || !root) continue;
  try {
    part()(root);
  } catch (error) {
    // A fault in one section must not cost the others.
    root.append(make('p', { class: 'soft' }, `This part could not be drawn, because of a fault in bows: ${error.message}.`));
    console.error(error);
  }
}

for (const button of document.querySelectorAll('button[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const text = byId(button.dataset.copy).textContent, before = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(byId(button.dataset.copy)); // where the browser denies the clipboard to files
      button.textContent = 'Selected: press Ctrl+C';
    }
    setTimeout(() => { button.textContent = before; }, 2000);
  });
}

const metricFilter = byId('metric-filter');
if (metricFilter) {
  const rows = [...document.querySelectorAll('#metric-table tbody tr')];
  metricFilter.addEventListener('input', () => {
    const terms = metricFilter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !row.classList.contains('group') && !terms.every((term) => row.textContent.toLowerCase().includes(term));
    for (const row of rows) { // a group's title is shown while one of its rows is
      if (!row.classList.contains('group')) continue;
      let next = row.nextElementSibling, some = false;
      for (; next && !next.classList.contains('group'); next = next.nextElementSibling) some ||= !next.hidden;
      row.hidden = !some;
    }
  });
}

for (const link of document.querySelectorAll('a[data-picture]')) link.href = link.closest('figure').querySelector('img').src; // the same bytes, held once
document.documentElement.dataset.ready = 'true';
