// What the map shows, in the address of the page: #map?kind=...&colour=...&zoom=... It can be sent and opened again.
function mapState(view, { kind, colour, legend, outlined }) {
  const start = { kind: kind.value, colour: colour.value };
  const round = (value) => String(Number(value.toPrecision(4)));
  const label = (select) => select.selectedOptions[0].textContent;
  let timer = 0, reading = false;

  function write() {
    const state = new URLSearchParams();
    if (kind.value !== start.kind) state.set('kind', label(kind));
    if (colour.value !== start.colour) state.set('colour', label(colour));
    if (view.zoom !== 1) for (const name of ['zoom', 'x', 'y']) state.set(name, round(view[name]));
    if (selection.word !== null) state.set('word', words[selection.word]);
    if (view.shown) state.set('groups', [...view.shown].join(' '));
    const step = Math.ceil(view.outline.length / 40); // at most 40 points of an outline
    if (view.outline.length > 2) state.set('outline', view.outline.filter((_, at) => at % step === 0).map((point) => point.map(round).join(' ')).join(','));
    const text = state.toString();
    if (text) history.replaceState(null, '', `#map?${text}`);
    else if (location.hash.startsWith('#map?')) history.replaceState(null, '', '#map');
  }
  function read() {
    if (!location.hash.startsWith('#map?')) return;
    const state = new URLSearchParams(location.hash.slice(5));
    reading = true;
    for (const [name, select] of [['kind', kind], ['colour', colour]]) {
      const option = [...select.options].find((each) => each.textContent === state.get(name));
      if (option && select.value !== option.value) { select.value = option.value; select.dispatchEvent(new Event('change')); }
    }
    for (const button of legend.querySelectorAll('button')) {
      const wanted = (state.get('groups') || '').split(' ').includes(button.dataset.group);
      if (wanted !== (button.getAttribute('aria-pressed') === 'true')) button.click();
    }
    const word = words.indexOf(state.get('word'));
    if (word >= 0) select(word);
    const outline = (state.get('outline') || '').split(',').map((point) => point.split(' ').map(Number));
    if (outline.length > 2 && outline.flat().every(Number.isFinite)) { view.enclose(outline); outlined(); }
    const [zoom, x, y] = ['zoom', 'x', 'y'].map((name) => Number(state.get(name)));
    if (zoom > 1 && zoom <= MOST_ZOOM && Number.isFinite(x + y)) { view.gliding = null; Object.assign(view, { zoom, x, y }); view.keepInside(); }
    view.paintSoon();
    byId('map').scrollIntoView();
    reading = false;
  }
  view.settled = () => {
    if (reading) return;
    clearTimeout(timer);
    timer = setTimeout(write, 200);
  };
  addEventListener('hashchange', read);
  read();
}
