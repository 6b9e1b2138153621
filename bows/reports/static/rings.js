// Ordered sets as polygons: their words in their best plane, joined in their known order.
const FIRST_RINGS = 12;

function rings(root) {
  const { rings: sets, flat } = page.rings;
  const box = make('div', { class: 'figures rings' });
  const show = (from, to) => box.append(...sets.slice(from, to).map(polygon));
  root.append(box);
  show(0, FIRST_RINGS);
  if (sets.length > FIRST_RINGS) {
    const more = make('button', { type: 'button', onclick: () => { more.remove(); show(FIRST_RINGS); } }, `Show the other ${sets.length - FIRST_RINGS}`);
    root.append(more);
  }
  if (flat.length) root.append(make('p', { class: 'soft' }, `Without a plane (a word has no direction, or all lie on a line): ${flat.join(', ')}.`));
}

function polygon(ring) {
  const size = 320, half = size / 2, places = decoded(ring.places), count = ring.words.length;
  const middle = (side) => { const values = Array.from({ length: count }, (_, place) => places[2 * place + side]); return [Math.min(...values), Math.max(...values)]; };
  const [left, right] = middle(0), [low, high] = middle(1);
  const scale = (size * 0.68) / (Math.max(right - left, high - low) || 1);
  const points = Array.from({ length: count }, (_, place) => [
    half + (places[2 * place] - (left + right) / 2) * scale, half - (places[2 * place + 1] - (low + high) / 2) * scale]);
  const score = ring.scores;
  const caption = [score.order === undefined ? null : `order ${score.order.toFixed(2)}`, score.order_p === undefined ? null : `p = ${say(score.order_p)}`,
    score.planarity === undefined ? null : `${Math.round(score.planarity * 100)} % in this plane`].filter(Boolean).join(', ');
  const svg = draw('svg', { viewBox: `0 0 ${size} ${size}`, class: 'chart', role: 'img',
    'aria-label': `${ring.name}: ${ring.words.map((word) => words[word]).join(', ')}. ${caption}` });
  function paint() {
    const taken = points.map(([x, y]) => [x - 5, y - 5, x + 5, y + 5]);
    svg.replaceChildren(
      draw('path', { d: `M${points.map((point) => point.map((each) => each.toFixed(1)).join(' ')).join('L')}Z`, fill: 'none', stroke: theme.soft, 'stroke-width': 1.2 }),
      ...points.map(([x, y], place) => draw('path', { d: marker(place ? 'circle' : 'diamond', place ? 4 : 6), transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, fill: theme.kinds[place ? 0 : 1] })),
      ...points.map(([x, y], place) => ringLabel(words[ring.words[place]], x, y, x - half, y - half, taken, size, ring.words[place])));
  }
  paint();
  onTheme(paint);
  return make('figure', { class: 'panel' }, make('figcaption', {}, make('strong', {}, ring.name), caption ? `: ${caption}` : ''), svg,
    saveButtons(() => svg, `ring_${ring.name}`, `the ring ${ring.name}`));
}

// A label outside its point where there is room, or at the first free side.
function ringLabel(word, x, y, dx, dy, taken, size, index) {
  const text = shortened(word, 16), width = text.length * 6.6 + 2, length = Math.hypot(dx, dy) || 1;
  const sides = [[dx / length, dy / length], [1, 0], [-1, 0], [0, -1], [0, 1], [0.7, 0.7], [-0.7, -0.7], [0.7, -0.7], [-0.7, 0.7]];
  let best = null, least = Infinity;
  for (const [right, below] of sides) {
    const middle = Math.min(size - width / 2, Math.max(width / 2, x + right * (width / 2 + 9))), base = Math.min(size - 7, Math.max(8, y + below * 14));
    const box = [middle - width / 2, base - 7, middle + width / 2, base + 7];
    const hits = taken.filter((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]).length;
    if (hits < least) { least = hits; best = [middle, base, box]; }
    if (!hits) break;
  }
  taken.push(best[2]);
  return draw('text', { x: best[0].toFixed(1), y: (best[1] + 4).toFixed(1), 'text-anchor': 'middle', 'font-size': 12, fill: theme.ink, class: 'pressable', onclick: () => select(index) }, text);
}
