// What begins each part of a sweep's page.
for (const [name, begin] of [['runs', runTable], ['compare', compare], ['chart', dialChart]]) {
  const root = byId(`${name}-part`);
  if (!root) continue;
  try {
    begin(root);
  } catch (error) {
    // One part's fault must not take the others with it.
    root.append(make('p', { class: 'soft' }, `This part could not be drawn, by a fault of bows: ${error.message}.`));
    console.error(error);
  }
}
for (const link of document.querySelectorAll('a[data-picture]')) link.href = link.closest('figure').querySelector('img').src; // the same bytes, held once
document.documentElement.dataset.ready = 'true';
