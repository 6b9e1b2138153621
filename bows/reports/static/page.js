// What begins each part, and what the page's own markup asks for: copying, filtering the metrics, saving pictures.
// A page's script holds the functions of the parts that it has.
const PARTS = [['map', () => wordMap, page.map && page.words], ['beside', () => mapsBeside, page.beside], ['rings', () => rings, page.rings], ['gram', () => gramPart, page.gram],
  ['regimes', () => regimes, page.regimes], ['explainer', () => explainer, page.explainer && page.gram], ['curves', () => curves, page.history], ['table', () => wordTable, page.words]];

for (const [name, part, data] of PARTS) {
  const root = byId(`${name}-part`);
  if (!data || !root) continue;
  try {
    part()(root);
  } catch (error) {
    // One part's fault must not take the others with it.
    root.append(make('p', { class: 'soft' }, `This part could not be drawn, by a fault of bows: ${error.message}.`));
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
      getSelection().selectAllChildren(byId(button.dataset.copy)); // where the browser keeps the clipboard from files
      button.textContent = 'Selected: press Ctrl+C';
    }
    setTimeout(() => { button.textContent = before; }, 2000);
  });
}

const metricFilter = byId('metric-filter');
if (metricFilter) {
  const rows = [...document.querySelectorAll('#metrics tbody tr')];
  metricFilter.addEventListener('input', () => {
    const terms = metricFilter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !row.classList.contains('group') && !terms.every((term) => row.textContent.toLowerCase().includes(term));
    for (const row of rows) { // a group's title stands while one of its rows does
      if (!row.classList.contains('group')) continue;
      let next = row.nextElementSibling, some = false;
      for (; next && !next.classList.contains('group'); next = next.nextElementSibling) some ||= !next.hidden;
      row.hidden = !some;
    }
  });
}

for (const link of document.querySelectorAll('a[data-picture]')) {
  const picture = link.closest('figure').querySelector('img');
  link.href = picture.src; // the same bytes, held once
}
document.documentElement.dataset.ready = 'true';
