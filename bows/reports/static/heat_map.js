// A matrix as a heat map: blue below 0, red above, white at 0, grey where there is no value; values are read by pointer or arrow keys, and
// stand in the cells where they are few.
const WRITTEN = 12;

// labels: of rows and columns. value(row, column). told(row, column) is called for the cell that is read.
function heatMap(title, labels, value, told) {
  const count = labels.length, longest = count <= 20 ? 14 : 11, written = labels.map((label) => shortened(label, longest));
  const room = 14 + 6.6 * Math.max(...written.map((label) => Array.from(label).length)), side = Math.max(7, Math.min(34, 420 / count)), size = room + count * side + 4;
  let largest = 0;
  for (let row = 0; row < count; row++) for (let column = 0; column < count; column++) largest = Math.max(largest, Math.abs(value(row, column)) || 0);
  const colour = (number) => (Number.isNaN(number) ? theme.line : mixed(theme.paper, number < 0 ? theme.negative : theme.positive, largest ? Math.min(1, Math.abs(number) / largest) : 0));
  const svg = draw('svg', { viewBox: `0 0 ${size.toFixed(0)} ${size.toFixed(0)}`, class: 'chart', role: 'img', tabindex: 0, 'aria-label': `${title} of ${count} words. Arrow keys read its cells.` });
  let at = null;
  function paint() {
    const parts = [], font = Math.min(12, Math.max(7, side * 0.8));
    for (let row = 0; row < count; row++) {
      for (let column = 0; column < count; column++) {
        const number = value(row, column);
        parts.push(draw('rect', { x: (room + column * side).toFixed(1), y: (room + row * side).toFixed(1), width: side.toFixed(1), height: side.toFixed(1), fill: colour(number) }));
        if (count <= WRITTEN) {
          parts.push(draw('text', { x: (room + (column + 0.5) * side).toFixed(1), y: (room + (row + 0.5) * side + 3.5).toFixed(1), 'text-anchor': 'middle', 'font-size': 10, fill: readable(colour(number)) },
            Number.isNaN(number) ? '–' : Math.abs(number) < 10 ? number.toFixed(Math.abs(largest) < 0.1 ? 3 : 2).replace('-', '−').replace(/^(−?)0\./, '$1.') : say(number)));
        }
      }
      parts.push(draw('text', { x: room - 4, y: (room + (row + 0.5) * side + 4).toFixed(1), 'text-anchor': 'end', 'font-size': font, fill: theme.ink }, written[row]),
        draw('text', { transform: `translate(${(room + (row + 0.5) * side + 4).toFixed(1)} ${room - 4}) rotate(-90)`, 'font-size': font, fill: theme.ink }, written[row]));
    }
    if (at) parts.push(draw('rect', { x: room + at[1] * side, y: room + at[0] * side, width: side, height: side, fill: 'none', stroke: theme.accent, 'stroke-width': 2.5 }));
    svg.replaceChildren(...parts);
  }
  const mark = (cell) => { at = cell; paint(); };
  const read = (row, column) => {
    const cell = [row, column].map((each) => Math.min(count - 1, Math.max(0, each)));
    if (!at || at[0] !== cell[0] || at[1] !== cell[1]) told(...cell);
  };
  svg.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect(), scale = size / box.width;
    const column = Math.floor(((event.clientX - box.left) * scale - room) / side), row = Math.floor(((event.clientY - box.top) * scale - room) / side);
    if (row >= 0 && column >= 0 && row < count && column < count) read(row, column);
  });
  svg.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    read(...(at ? [at[0] + step[0], at[1] + step[1]] : [0, 0]));
    event.preventDefault();
  });
  paint();
  onTheme(paint);
  return { svg, mark };
}
