// The map as it is shown, as SVG with title and legend.
const PRINT_WIDTH = 3000; // pixels of the PNG: 25 cm at 300 dots an inch

function mapPicture(view, subtitle) {
  const scale = 1000 / view.width, height = view.height * scale, top = 58;
  const grown = Math.min(1.8, 1 + Math.log2(view.zoom) * 0.16), parts = [];
  const text = (x, y, content, look) => draw('text', { x: x.toFixed(1), y: y.toFixed(1), ...look }, content);
  const paths = view.colouring.groups.map((group) => marker(group.shape, group.size * grown * scale));
  for (let each = view.order.length - 1; each >= 0; each--) {
    const at = view.order[each], x = view.across(at) * scale, y = view.down(at) * scale;
    if (x < 0 || y < 0 || x > 1000 || y > height || !view.visible(at)) continue;
    const place = view.group[at], faded = (view.lit.length && !view.lit.includes(at)) || (view.chosen.size && !view.chosen.has(at));
    parts.push(draw('path', { d: paths[place], transform: `translate(${x.toFixed(1)} ${(y + top).toFixed(1)})`, fill: view.colouring.groups[place].colour(), 'fill-rule': 'evenodd', opacity: faded ? 0.25 : 0.85 }));
  }
  const halo = { stroke: theme.paper, 'stroke-width': 3, 'paint-order': 'stroke', 'stroke-linejoin': 'round', 'dominant-baseline': 'middle' };
  for (const label of view.labelling.drawn) {
    parts.push(text(label.x * scale, label.y * scale + top, label.text, { ...halo, 'font-size': (label.strong ? 13 : 12) * scale, 'font-weight': label.strong ? 600 : 400, fill: label.strong ? theme.ink : theme.soft }));
  }
  if (view.outline.length > 2) {
    const points = view.outline.map(([px, py]) => `${((view.width / 2 + (px - view.x) * view.scale) * scale).toFixed(1)},${((view.height / 2 - (py - view.y) * view.scale) * scale + top).toFixed(1)}`);
    parts.push(draw('polygon', { points: points.join(' '), fill: 'none', stroke: theme.accent, 'stroke-dasharray': '5 4' }));
  }
  const counts = view.colouring.groups.map(() => 0);
  view.group.forEach((place) => { counts[place] += 1; });
  let x = 10, y = top + height + 28;
  view.colouring.groups.forEach((group, place) => {
    if (!counts[place]) return;
    const content = `${shortened(group.label, 30)} (${say(counts[place])})`, width = 30 + 7.4 * content.length;
    if (x > 10 && x + width > 990) { x = 10; y += 22; }
    parts.push(draw('path', { d: marker(group.shape, 5), transform: `translate(${x + 8} ${y - 4})`, fill: group.colour(), 'fill-rule': 'evenodd' }), text(x + 20, y, content, { 'font-size': 13, fill: theme.ink, class: 'entry' }));
    x += width;
  });
  return draw('svg', { viewBox: `0 0 1000 ${Math.round(y + 16)}`, class: 'print' },
    text(10, 24, shortened(view.title, 80), { 'font-size': 18, 'font-weight': 600, fill: theme.ink }), text(10, 44, subtitle, { 'font-size': 13, fill: theme.soft }),
    draw('rect', { x: 0.5, y: top, width: 999, height, fill: 'none', stroke: theme.line }), ...parts);
}
