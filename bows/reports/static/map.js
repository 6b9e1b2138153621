// The word map: canvas, controls, legend, and the card of the selected word.
function wordMap(root) {
  const found = page.map, kept = decoded(found.kept);
  const placeOf = new Map(Array.from(kept, (word, at) => [word, at]));
  const canvas = make('canvas', { id: 'map-canvas', tabindex: 0, role: 'application', 'aria-describedby': 'map-help',
    'aria-label': 'Word map. Arrow keys move between words, Enter selects one, Escape clears the selection, plus and minus zoom, 0 shows all.' });
  const tip = make('div', { class: 'tip', hidden: true, 'aria-hidden': 'true' });
  const card = make('aside', { class: 'card', id: 'word-card', 'aria-label': 'Selected word' });
  const { readout, legend, colour, picker, recolour } = mapControls(() => [view], (word) => choose(word, true));
  const kind = make('select', { id: 'map-kind' }, ...found.maps.map((each, place) => make('option', { value: place }, each.kind)));
  const note = make('p', { class: 'soft' });
  const view = new MapView(canvas, kept, found.maps[0]);
  view.title = `${document.querySelector('h1').textContent}: word map`;
  const zoom = (factor) => view.zoomAt(factor, view.width / 2, view.height / 2);
  const button = (text, label, pressed) => make('button', { type: 'button', 'aria-label': label, onclick: pressed }, text);
  const stage = make('div', { class: 'stage' }, canvas, tip, make('div', { class: 'zoom' },
    button('+', 'Zoom in', () => zoom(1.6)), button('−', 'Zoom out', () => zoom(1 / 1.6)), button('⤢', 'Show all', () => view.glide({ x: 0, y: 0, zoom: 1 }))));
  const selecting = mapSelection(view, (word) => choose(word, true));
  root.append(
    make('div', { class: 'controls' }, picker.box,
      colour,
      found.maps.length > 1 ? make('div', {}, make('label', { for: 'map-kind' }, 'Map by '), kind) : null,
      selecting.buttons,
      saveButtons(() => mapPicture(view, `${found.maps[kind.value || 0].kind}, coloured by ${view.colouring.name}`), 'word_map', 'the map', PRINT_WIDTH / 1000)),
    make('div', { class: 'mapping' }, stage, card), readout, legend, selecting.panel, note,
    make('p', { class: 'soft', id: 'map-help' }, 'Ctrl and wheel, pinch or buttons zoom; drag moves; Shift and drag, Lasso or Box choose words; hover or tap shows a word and its nearest. With the focus on the map, arrow keys move between words. The address of the page holds what is shown.'));

  function axes() {
    const map = found.maps[kind.value || 0];
    note.textContent = `Across: ${map.axes[0]}; up: ${map.axes[1]}. ${map.note}` +
      (found.left_out ? ` Left out: ${counted(found.left_out, 'word')} with a zero column.` : '');
  }
  let framing = false;
  function choose(word, frame = false) {
    framing = frame;
    select(word);
    framing = false;
  }
  function chosen(word) {
    picker.show(word);
    const at = word === null ? undefined : placeOf.get(word);
    view.lit = at === undefined ? [] : [at, ...nearest(word).map((each) => placeOf.get(each.word)).filter((each) => each !== undefined)];
    if (at !== undefined) {
      if (framing) view.frame(view.lit); else view.show(at);
      describeWord(readout, word);
    } else {
      view.paintSoon();
      readout.textContent = word === null ? '' : `${words[word]} has a zero column, so it is not on the map.`;
    }
    showCard(card, word);
  }

  mapMoves(view, { hover: (at, left, top) => showTip(tip, view, at, left, top), describe: (at) => describeWord(readout, kept[at]),
    choose: (at) => choose(at < 0 ? null : kept[at]), clear: () => { readout.textContent = ''; }, enclosed: selecting.show });
  kind.addEventListener('change', () => { view.take(found.maps[kind.value]); view.enclose([]); selecting.show(); axes(); });
  theme.waiting.push(() => { recolour(); view.fit(); });
  selection.waiting.push(chosen);
  recolour();
  axes();
  showCard(card, null);
  new ResizeObserver(() => view.fit()).observe(stage);
  view.fit();
  mapState(view, { kind, colour: colour.querySelector('select'), legend, outlined: selecting.show });
}

// What every map has: a line that states a word, the choice of colours with its legend, and the search for a word.
function mapControls(views, picked) {
  const ways = colourings(), choice = make('select', { id: 'map-colour' }, ...ways.map((way, place) => make('option', { value: place }, way.name)));
  const legend = make('div', { class: 'legend', role: 'group', 'aria-label': 'Groups of words: press to show only some' });
  const recolour = () => legendOf(legend, views(), ways[choice.value || 0]);
  choice.addEventListener('change', recolour);
  return { legend, recolour, readout: make('p', { class: 'readout', id: 'map-told', role: 'status' }),
    colour: make('div', {}, make('label', { for: 'map-colour' }, 'Colour by '), choice), picker: wordPicker('Find a word', null, picked, 'type a word') };
}

// A word in a few lines next to the pointer, at a place of a map; none for -1.
function showTip(tip, view, at, left, top) {
  if (at !== view.hovered) {
    view.hovered = at;
    view.paintSoon();
  }
  tip.hidden = at < 0;
  view.canvas.style.cursor = at < 0 ? 'grab' : 'pointer';
  if (at < 0) return;
  const word = view.kept[at], near = nearest(word).map((each) => words[each.word]);
  tip.replaceChildren(make('strong', {}, isolated(words[word])), ...facts(word).map(([name, value]) => make('div', {}, isolated(`${name} ${value}`))),
    near.length ? make('div', { class: 'soft' }, 'nearest: ', ...near.slice(0, 5).flatMap((each, place) => [place ? ', ' : '', isolated(each)])) : '');
  tip.style.left = `${Math.max(4, Math.min(left + 14, view.width - tip.offsetWidth - 4))}px`;
  tip.style.top = `${top + 18 + tip.offsetHeight > view.height ? Math.max(4, top - tip.offsetHeight - 12) : top + 18}px`;
}

// The same in one line, also for screen readers.
function describeWord(place, word) {
  const near = nearest(word).map((each) => words[each.word]);
  place.replaceChildren(isolated(words[word]), ': ' + facts(word).map(([name, value]) => `${name} ${value}`).join(', ') + (near.length ? '; nearest: ' : ''),
    ...near.flatMap((each, number) => [number ? ', ' : '', isolated(each)]));
}

// Colour the maps one way, and write the legend, whose buttons show groups alone.
function legendOf(legend, views, way) {
  const counts = new Array(way.groups.length).fill(0), chosen = new Set();
  for (const view of views) {
    view.shown = null;
    view.colourBy(way);
  }
  views[0].group.forEach((place) => { counts[place] += 1; });
  const toggle = (place) => (event) => {
    if (!chosen.delete(place)) chosen.add(place);
    event.currentTarget.setAttribute('aria-pressed', String(chosen.has(place)));
    for (const view of views) {
      view.shown = chosen.size ? chosen : null;
      view.paintSoon();
    }
  };
  legend.replaceChildren(...way.groups.map((group, place) => (counts[place] ? make('button', { type: 'button', 'aria-pressed': 'false', 'data-group': place, onclick: toggle(place) },
    draw('svg', { width: 16, height: 16, viewBox: '-8 -8 16 16', 'aria-hidden': 'true' },
      draw('path', { d: marker(group.shape, Math.max(group.size, 2.6) * 1.2), fill: group.colour(), 'fill-rule': 'evenodd' })),
    isolated(group.label), ` (${say(counts[place])})`) : null)).filter(Boolean));
}

// Facts on a word, its nearest words, and a link to the explainer.
function showCard(card, word) {
  if (word === null) {
    const offered = Object.keys(words).slice(0, 6).map(Number);
    card.replaceChildren(make('p', { class: 'soft' }, 'Find a word, or press one on the map, such as:'), make('p', {}, ...offered.flatMap((each) => [wordButton(each), ' '])));
    return;
  }
  const near = nearest(word);
  card.replaceChildren(...[
    make('h3', {}, isolated(words[word])),
    make('dl', {}, ...facts(word).flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, isolated(value))])),
    make('p', { class: 'soft' }, near.length ? 'Nearest, by the cosine of their directions:' : (page.neighbours && page.neighbours.note) || 'No nearest words: its column is zero, or they were not stored.'),
    make('ul', { class: 'near' }, ...near.map((each) => make('li', {}, wordButton(each.word), each.cosine === undefined ? '' : make('span', { class: 'soft' }, ` ${each.cosine.toFixed(2).replace('-', '−')}`)))),
    page.explainer && page.explainer.words.includes(word) ? make('p', {}, make('a', { href: '#explainer' }, 'Contributions to its pre-activation, below')) : null,
    make('button', { type: 'button', onclick: () => select(null) }, 'Clear'),
  ].filter(Boolean));
}
