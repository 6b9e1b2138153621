// The word map: its picture, what moves it, its legend, and the card of the word looked at.
function wordMap(root) {
  const found = page.map, kept = decoded(found.kept);
  const placeOf = new Map(Array.from(kept, (word, at) => [word, at]));
  const canvas = make('canvas', { id: 'map-canvas', tabindex: 0, role: 'application', 'aria-describedby': 'map-help',
    'aria-label': 'Word map. Arrow keys go from word to word, Enter looks at one, Escape lets it go, plus and minus zoom, 0 shows all.' });
  const tip = make('div', { class: 'tip', hidden: true, 'aria-hidden': 'true' });
  const told = make('p', { class: 'readout', id: 'map-told', role: 'status' });
  const card = make('aside', { class: 'card', id: 'word-card', 'aria-label': 'The word looked at' });
  const legend = make('div', { class: 'legend', role: 'group', 'aria-label': 'Groups of words: press to show only some' });
  const ways = colourings();
  const choice = make('select', { id: 'map-colour' }, ...ways.map((way, place) => make('option', { value: place }, way.name)));
  const kind = make('select', { id: 'map-kind' }, ...found.maps.map((each, place) => make('option', { value: place }, each.kind)));
  const picker = wordPicker('Find a word', null, (word) => look(word, true), 'type a word');
  const note = make('p', { class: 'soft' });
  const view = new MapView(canvas, kept, found.maps[0]);
  const zoom = (factor) => view.zoomAt(factor, view.width / 2, view.height / 2);
  const button = (text, label, pressed) => make('button', { type: 'button', 'aria-label': label, onclick: pressed }, text);
  const stage = make('div', { class: 'stage' }, canvas, tip, make('div', { class: 'zoom' },
    button('+', 'Zoom in', () => zoom(1.6)), button('−', 'Zoom out', () => zoom(1 / 1.6)), button('⤢', 'Show all', () => view.glide({ x: 0, y: 0, zoom: 1 }))));
  root.append(
    make('div', { class: 'controls' }, picker.box,
      make('div', {}, make('label', { for: 'map-colour' }, 'Colour by '), choice),
      found.maps.length > 1 ? make('div', {}, make('label', { for: 'map-kind' }, 'Map by '), kind) : null,
      make('span', { class: 'save' }, button('PNG', 'Save the map as PNG', () => canvas.toBlob((blob) => save(blob, 'word_map.png'))))),
    make('div', { class: 'mapping' }, stage, card), told, legend, note,
    make('p', { class: 'soft', id: 'map-help' }, 'Wheel, pinch or buttons zoom; drag moves; hover or tap tells a word and its nearest. On the map’s focus, arrow keys go from word to word.'));

  function axes() {
    const map = found.maps[kind.value || 0];
    note.textContent = `Across: ${map.axes[0]}; up: ${map.axes[1]}. ${map.note}` +
      (found.left_out ? ` ${say(found.left_out)} words have no direction (a zero column) and are left out.` : '');
  }
  function recolour() {
    const way = ways[choice.value || 0], counts = new Array(way.groups.length).fill(0);
    view.shown = null;
    view.colourBy(way);
    view.group.forEach((place) => { counts[place] += 1; });
    legend.replaceChildren(...way.groups.map((group, place) => (counts[place] ? make('button', { type: 'button', 'aria-pressed': 'false', onclick: toggle(place) },
      draw('svg', { width: 16, height: 16, viewBox: '-8 -8 16 16', 'aria-hidden': 'true' },
        draw('path', { d: marker(group.shape, Math.max(group.size, 2.6) * 1.2), fill: group.colour(), 'fill-rule': 'evenodd' })),
      isolated(group.label), ` (${say(counts[place])})`) : null)).filter(Boolean));
  }
  const toggle = (place) => (event) => {
    const shown = view.shown || new Set();
    if (!shown.delete(place)) shown.add(place);
    view.shown = shown.size ? shown : null;
    event.currentTarget.setAttribute('aria-pressed', String(shown.has(place)));
    view.paintSoon();
  };

  function lines(word) {
    const near = nearest(word).map((each) => words[each.word]);
    return { told: facts(word).map(([name, value]) => `${name} ${value}`), near };
  }
  function hover(at, left, top) {
    if (at !== view.hovered) {
      view.hovered = at;
      view.paintSoon();
    }
    tip.hidden = at < 0;
    canvas.style.cursor = at < 0 ? 'grab' : 'pointer';
    if (at < 0) return;
    const { told: said, near } = lines(kept[at]);
    tip.replaceChildren(make('strong', {}, isolated(words[kept[at]])), ...said.map((line) => make('div', {}, isolated(line))),
      near.length ? make('div', { class: 'soft' }, 'nearest: ', ...near.slice(0, 5).flatMap((word, place) => [place ? ', ' : '', isolated(word)])) : '');
    tip.style.left = `${Math.max(4, Math.min(left + 14, view.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${top + 18 + tip.offsetHeight > view.height ? Math.max(4, top - tip.offsetHeight - 12) : top + 18}px`;
  }
  function tell(at) {
    const { told: said, near } = lines(kept[at]);
    told.replaceChildren(isolated(words[kept[at]]), ': ' + said.join(', ') + (near.length ? '; nearest: ' : ''), ...near.flatMap((word, place) => [place ? ', ' : '', isolated(word)]));
  }
  let framing = false;
  function look(word, frame = false) {
    framing = frame;
    select(word);
    framing = false;
  }
  function looked(word) {
    picker.show(word);
    const at = word === null ? undefined : placeOf.get(word);
    view.lit = at === undefined ? [] : [at, ...nearest(word).map((each) => placeOf.get(each.word)).filter((each) => each !== undefined)];
    if (at !== undefined) {
      if (framing) view.frame(view.lit); else view.show(at);
      tell(at);
    } else {
      view.paintSoon();
      told.textContent = word === null ? '' : `${words[word]} has no direction, so it is not on the map.`;
    }
    showCard(card, word);
  }

  let pressed = null;
  const fingers = new Map();
  const spread = () => { const [one, other] = [...fingers.values()]; return Math.hypot(one.x - other.x, one.y - other.y); };
  const here = (event) => { const box = canvas.getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; };
  canvas.addEventListener('pointerdown', (event) => {
    const at = here(event);
    fingers.set(event.pointerId, at);
    canvas.setPointerCapture(event.pointerId);
    pressed = fingers.size === 1 ? { ...at, moved: false } : { moved: true, spread: spread() };
  });
  canvas.addEventListener('pointermove', (event) => {
    const at = here(event), before = fingers.get(event.pointerId);
    if (!before) { hover(view.under(at.x, at.y), at.x, at.y); return; }
    fingers.set(event.pointerId, at);
    if (fingers.size === 2) {
      const [one, other] = [...fingers.values()], now = spread();
      view.zoomAt(now / pressed.spread, (one.x + other.x) / 2, (one.y + other.y) / 2);
      view.pan((at.x - before.x) / 2, (at.y - before.y) / 2);
      pressed.spread = now;
      return;
    }
    if (Math.hypot(at.x - pressed.x, at.y - pressed.y) > 4) pressed.moved = true;
    if (pressed.moved) { hover(-1); view.pan(at.x - before.x, at.y - before.y); }
  });
  const lift = (event) => {
    const at = here(event);
    const tapped = fingers.size === 1 && pressed && !pressed.moved && event.type === 'pointerup';
    fingers.delete(event.pointerId);
    if (tapped) {
      const under = view.under(at.x, at.y, event.pointerType === 'touch' ? 22 : 14);
      look(under < 0 ? null : kept[under]);
    } else if (fingers.size === 1) pressed = { ...[...fingers.values()][0], moved: true };
  };
  canvas.addEventListener('pointerup', lift);
  canvas.addEventListener('pointercancel', lift);
  canvas.addEventListener('pointerleave', () => { if (!fingers.size) hover(-1); });
  canvas.addEventListener('wheel', (event) => {
    const at = here(event), size = event.deltaY * (event.deltaMode === 1 ? 18 : 1);
    // Where it can zoom no further the page scrolls on.
    if (view.zoomAt(Math.exp(-Math.max(-120, Math.min(120, size)) * (event.ctrlKey ? 0.01 : 0.0025)), at.x, at.y)) event.preventDefault();
  }, { passive: false });
  const SIDES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener('keydown', (event) => {
    const at = view.hovered >= 0 ? view.hovered : view.lit[0];
    if (SIDES[event.key]) {
      const next = at === undefined ? view.order.find((each) => view.visible(each)) : view.towards(at, ...SIDES[event.key]);
      if (next !== undefined && next >= 0) { view.show(next); hover(next, view.across(next), view.down(next)); tell(next); }
    } else if ((event.key === 'Enter' || event.key === ' ') && at !== undefined) look(kept[at]);
    else if (event.key === 'Escape') { hover(-1); told.textContent = ''; look(null); }
    else if (event.key === '+' || event.key === '=') zoom(1.6);
    else if (event.key === '-') zoom(1 / 1.6);
    else if (event.key === '0') view.glide({ x: 0, y: 0, zoom: 1 });
    else return;
    event.preventDefault();
  });
  canvas.addEventListener('blur', () => hover(-1));
  choice.addEventListener('change', recolour);
  kind.addEventListener('change', () => { view.take(found.maps[kind.value]); axes(); });
  onTheme(() => { recolour(); view.fit(); });
  onSelect(looked);
  recolour();
  axes();
  showCard(card, null);
  new ResizeObserver(() => view.fit()).observe(stage);
  view.fit();
}

// What is known of a word, its nearest words, and where else on the page it is looked at.
function showCard(card, word) {
  if (word === null) {
    const offered = Object.keys(words).slice(0, 6).map(Number);
    card.replaceChildren(make('p', { class: 'soft' }, 'Find a word, or press one on the map. Such as:'), make('p', {}, ...offered.flatMap((each) => [wordButton(each), ' '])));
    return;
  }
  const near = nearest(word);
  card.replaceChildren(...[
    make('h3', {}, isolated(words[word])),
    make('dl', {}, ...facts(word).flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, isolated(value))])),
    make('p', { class: 'soft' }, near.length ? 'Nearest, by the cosine of their directions:' : (page.neighbours && page.neighbours.note) || 'It has no nearest words: its direction is zero or they were not kept.'),
    make('ul', { class: 'near' }, ...near.map((each) => make('li', {}, wordButton(each.word), each.cosine === undefined ? '' : make('span', { class: 'soft' }, ` ${each.cosine.toFixed(2).replace('-', '−')}`)))),
    page.explainer && page.gram && page.gram.words.includes(word) ? make('p', {}, make('a', { href: '#explainer' }, 'What adds up to it, below')) : null,
    make('button', { type: 'button', onclick: () => select(null) }, 'Let it go'),
  ].filter(Boolean));
}
