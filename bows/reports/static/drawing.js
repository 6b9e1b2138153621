// Elements, numbers as text, ticks, and saving a drawing. Text of the run is only set as text, never as markup.
const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const make = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
const byId = (id) => document.getElementById(id);

// A word inside other text keeps its own writing direction.
const isolated = (word) => make('bdi', {}, word);

function say(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (typeof value !== 'number') return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString('en');
  const size = Math.abs(value);
  if (size >= 1000 && size < 1e15) return value.toLocaleString('en', { maximumFractionDigits: 1 });
  return (size < 1e-4 || size >= 1e15 ? value.toExponential(2) : String(Number(value.toPrecision(4)))).replace('-', '−');
}

const counted = (count, noun) => `${say(count)} ${noun}${count === 1 ? '' : 's'}`;

const signed = (value) => (value > 0 ? '+' : '') + say(Number(value.toPrecision(3)));

// Round values that span [low, high], about `count` of them.
function ticks(low, high, count = 5) {
  if (!(high > low)) return [low];
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 2.5, 5, 10].find((each) => each * power >= raw * 0.999);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

// The width of a drawing: that of its place, so that its letters keep their size on a phone.
const roomFor = (root, most) => Math.max(300, Math.min(most, root.clientWidth || most));

const shortened = (word, length = 18) => {
  const letters = Array.from(String(word).replace(/\s+/g, ' '));
  return letters.length <= length ? letters.join('') : letters.slice(0, length - 1).join('') + '…';
};

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = make('a', { href: address, download: name.replace(/[^\w.-]+/g, '_') });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function svgText(svg) {
  const copy = svg.cloneNode(true);
  const [, , width, height] = svg.getAttribute('viewBox').split(' ');
  fill(copy, { xmlns: SVG, width, height, 'font-family': 'system-ui, sans-serif' }, []);
  copy.prepend(draw('rect', { width, height, fill: theme.paper }));
  return new XMLSerializer().serializeToString(copy);
}

function savePng(svg, name, scale) {
  const [, , width, height] = svg.getAttribute('viewBox').split(' ').map(Number);
  const image = new Image();
  image.onload = () => {
    const canvas = make('canvas', { width: Math.round(width * scale), height: Math.round(height * scale) });
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(blob, `${name}.png`));
  };
  image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(svgText(svg));
}

// Buttons that save what `svg()` returns then; the PNG at so many pixels a unit.
function saveButtons(svg, name, what, scale = 2) {
  return make('span', { class: 'save' },
    make('button', { type: 'button', 'aria-label': `Save ${what} as SVG`,
      onclick: () => save(new Blob([svgText(svg())], { type: 'image/svg+xml' }), `${name}.svg`) }, 'SVG'),
    make('button', { type: 'button', 'aria-label': `Save ${what} as PNG`, onclick: () => savePng(svg(), name, scale) }, 'PNG'));
}

const SHAPES = ['circle', 'square', 'triangle', 'diamond', 'cross', 'plus', 'wedge', 'ring'];

// The outline of a marker of a radius around 0, as SVG path data, which a canvas takes too.
function marker(shape, radius) {
  const far = radius * 1.2, near = radius * 0.45;
  const path = {
    square: `M${-radius} ${-radius}H${radius}V${radius}H${-radius}Z`,
    triangle: `M0 ${-far}L${far} ${far * 0.8}H${-far}Z`,
    wedge: `M0 ${far}L${far} ${-far * 0.8}H${-far}Z`,
    diamond: `M0 ${-far * 1.1}L${far} 0L0 ${far * 1.1}L${-far} 0Z`,
    plus: `M${-near} ${-far}H${near}V${-near}H${far}V${near}H${near}V${far}H${-near}V${near}H${-far}V${-near}H${-near}Z`,
    cross: `M0 ${-near}L${far - near} ${-far}L${far} ${near - far}L${near} 0L${far} ${far - near}L${far - near} ${far}` +
      `L0 ${near}L${near - far} ${far}L${-far} ${far - near}L${-near} 0L${-far} ${near - far}L${near - far} ${-far}Z`,
  }[shape];
  const round = (size, turn) => `M${-size} 0A${size} ${size} 0 1 ${turn} ${size} 0A${size} ${size} 0 1 ${turn} ${-size} 0Z`;
  return path || (shape === 'ring' ? round(radius, 1) + round(radius * 0.5, 0) : round(radius, 1));
}
