// The word map on a canvas: points, labels and the selected word; zooming, and the point under the pointer.
const MOST_ZOOM = 60;

class MapView {
  constructor(canvas, kept, place) {
    this.canvas = canvas;
    this.kept = kept;
    this.zoom = 1;
    this.x = 0; // of the middle of the canvas, in units of the map
    this.y = 0;
    this.shown = null; // groups that the legend shows; null for all
    this.hovered = -1;
    this.lit = []; // places of the selected word and its neighbours
    this.waiting = false;
    this.labelling = new MapLabels(this);
    this.chosen = new Set(); // places inside the outline
    this.outline = []; // the lasso or box, in units of the map
    this.mode = 'move'; // or 'lasso', 'box'
    this.order = Array.from(kept.keys());
    const frequency = columns.get('frequency') || columns.get('norm');
    if (frequency) {
      const value = (at) => frequency.at(kept[at]) || 0;
      this.order.sort((one, other) => value(other) - value(one));
    }
    this.take(place);
  }

  // Other positions of the same words.
  take(place) {
    this.px = decoded(place.x);
    this.py = decoded(place.y);
    const reach = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    this.reachX = reach(this.px);
    this.reachY = reach(this.py);
    if (this.colouring) this.labelling.nameRegions();
    this.zoom = 1;
    this.x = this.y = 0;
    this.paintSoon();
  }

  fit() {
    const box = this.canvas.getBoundingClientRect();
    this.ratio = Math.max(1, devicePixelRatio || 1);
    this.width = Math.max(1, box.width);
    this.height = Math.max(1, box.height);
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.stamps = new Map();
    this.paint();
  }

  get scale() {
    const room = Math.min((this.width - 40) / (2 * this.reachX || 1), (this.height - 40) / (2 * this.reachY || 1));
    return Math.max(room, 1e-9) * this.zoom;
  }

  across(at) { return this.width / 2 + (this.px[at] - this.x) * this.scale; }

  down(at) { return this.height / 2 - (this.py[at] - this.y) * this.scale; }

  // Zoom by a factor around a point of the canvas.
  zoomAt(factor, left, top) {
    const before = this.scale;
    const zoom = Math.min(MOST_ZOOM, Math.max(1, this.zoom * factor));
    if (zoom === this.zoom) return;
    this.zoom = zoom;
    const change = 1 / before - 1 / this.scale;
    this.x += (left - this.width / 2) * change;
    this.y -= (top - this.height / 2) * change;
    this.keepInside();
    this.paintSoon();
  }

  pan(left, top) {
    this.x -= left / this.scale;
    this.y += top / this.scale;
    this.keepInside();
    this.paintSoon();
  }

  keepInside() {
    this.x = Math.min(this.reachX, Math.max(-this.reachX, this.x));
    this.y = Math.min(this.reachY, Math.max(-this.reachY, this.y));
    if (this.zoom === 1) this.x = this.y = 0;
  }

  // Bring places into view, with their middle in the middle, near enough to tell them apart; as they lie in several maps that move
  // together.
  frame(places, views = [this]) {
    const xs = views.flatMap((view) => places.map((at) => view.px[at])), ys = views.flatMap((view) => places.map((at) => view.py[at]));
    const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
    const spread = Math.max((Math.max(...xs) - Math.min(...xs)) / this.width, (Math.max(...ys) - Math.min(...ys)) / this.height);
    const target = { x: middle(xs), y: middle(ys), zoom: this.zoom };
    const base = this.scale / this.zoom;
    if (spread > 0) target.zoom = Math.min(MOST_ZOOM, Math.max(1, 0.6 / spread / base));
    this.glide(target);
  }

  show(at) {
    const left = this.across(at), top = this.down(at);
    if (left < 20 || top < 20 || left > this.width - 20 || top > this.height - 20) this.glide({ x: this.px[at], y: this.py[at], zoom: this.zoom });
    else this.paintSoon();
  }

  glide(target) {
    const from = { x: this.x, y: this.y, zoom: this.zoom }, began = performance.now(), time = matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 250;
    const step = (now) => {
      const share = time ? Math.min(1, (now - began) / time) : 1, eased = share * (2 - share);
      for (const name of ['x', 'y']) this[name] = from[name] + (target[name] - from[name]) * eased;
      this.zoom = from.zoom * (target.zoom / from.zoom) ** eased;
      this.paint();
      if (share < 1 && this.gliding === step) requestAnimationFrame(step);
    };
    this.gliding = step;
    if (time) requestAnimationFrame(step); else step(began);
  }

  colourBy(colouring) {
    this.colouring = colouring;
    this.group = Uint8Array.from(this.kept, (word) => colouring.of(word));
    this.stamps = new Map();
    this.labelling.nameRegions();
    this.paintSoon();
  }

  visible(at) {
    return this.shown === null || this.shown.has(this.group[at]);
  }

  // The nearest visible place within `reach` of a point of the canvas; -1 for none.
  under(left, top, reach = 14) {
    let best = -1, least = reach * reach;
    for (let at = 0; at < this.px.length; at++) {
      const dx = this.across(at) - left, dy = this.down(at) - top, distance = dx * dx + dy * dy;
      if (distance < least && this.visible(at)) { least = distance; best = at; }
    }
    return best;
  }

  // The nearest visible place from one place towards a side: (dx, dy) is a unit step on the canvas.
  towards(from, dx, dy) {
    let best = -1, least = Infinity;
    for (let at = 0; at < this.px.length; at++) {
      if (at === from || !this.visible(at)) continue;
      const right = this.across(at) - this.across(from), below = this.down(at) - this.down(from);
      const along = right * dx + below * dy, aside = Math.abs(right * dy - below * dx);
      const cost = along + 2 * aside;
      if (along > 0.01 && aside <= along && cost < least) { least = cost; best = at; }
    }
    return best;
  }

  paintSoon() {
    if (this.waiting || !this.width) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.paint(); });
  }

  // A group's marker as the pixels it covers: where they are from its middle, and how much they cover, in device pixels.
  stamp(place, size) {
    const key = `${place} ${size.toFixed(2)}`;
    if (!this.stamps.has(key)) {
      const group = this.colouring.groups[place], radius = group.size * size * this.ratio, half = Math.ceil(radius * 1.4 + 1);
      const pen = make('canvas', { width: 2 * half, height: 2 * half }).getContext('2d', { willReadFrequently: true });
      pen.translate(half, half);
      pen.fill(new Path2D(marker(group.shape, radius)), 'evenodd');
      const pixels = pen.getImageData(0, 0, 2 * half, 2 * half).data, covered = [];
      for (let at = 0; at < 4 * half * half; at++) {
        if (pixels[4 * at + 3]) covered.push([(at % (2 * half)) - half, Math.floor(at / (2 * half)) - half, pixels[4 * at + 3] / 255]);
      }
      const colour = [1, 3, 5].map((from) => parseInt(group.colour().slice(from, from + 2), 16));
      this.stamps.set(key, { half, colour, x: Int16Array.from(covered, (each) => each[0]), y: Int16Array.from(covered, (each) => each[1]), cover: Float32Array.from(covered, (each) => each[2]) });
    }
    return this.stamps.get(key);
  }

  paint() {
    if (!this.width || !this.colouring) return;
    if (this.moved) this.moved();
    const pen = this.canvas.getContext('2d');
    const grown = Math.round(Math.min(1.8, 1 + Math.log2(this.zoom) * 0.16) * 10) / 10, lit = new Set(this.lit);
    this.paintPoints(pen, grown, lit);
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.paintLit(pen, grown);
    this.paintOutline(pen);
    this.labelling.paint(pen, lit);
    if (this.settled) this.settled();
  }

  // The points are blended into pixels here: a canvas without a graphics card takes ten times as long for ten thousand of them.
  paintPoints(pen, grown, lit) {
    const { width, height } = this.canvas, ratio = this.ratio, scale = this.scale;
    if (!this.pixels || this.pixels.width !== width || this.pixels.height !== height) this.pixels = pen.createImageData(width, height);
    const data = this.pixels.data, [red, green, blue] = [1, 3, 5].map((from) => parseInt(theme.paper.slice(from, from + 2), 16));
    new Uint32Array(data.buffer).fill(((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0);
    const left = this.width / 2 - this.x * scale, top = this.height / 2 + this.y * scale, apart = lit.size || this.chosen.size;
    const stamps = this.colouring.groups.map((_, place) => this.stamp(place, grown));
    for (let each = this.order.length - 1; each >= 0; each--) { // the most frequent words on top
      const at = this.order[each], x = Math.round((left + this.px[at] * scale) * ratio), y = Math.round((top - this.py[at] * scale) * ratio);
      const stamp = stamps[this.group[at]], half = stamp.half;
      if (x < -half || y < -half || x > width + half || y > height + half || !this.visible(at) || lit.has(at)) continue;
      const strength = !apart || this.chosen.has(at) ? 0.85 : 0.25;
      const { colour, cover } = stamp, inside = x >= half && y >= half && x < width - half && y < height - half;
      for (let pixel = 0; pixel < cover.length; pixel++) {
        const right = x + stamp.x[pixel], below = y + stamp.y[pixel];
        if (!inside && (right < 0 || below < 0 || right >= width || below >= height)) continue;
        const to = 4 * (below * width + right), share = cover[pixel] * strength;
        data[to] += (colour[0] - data[to]) * share;
        data[to + 1] += (colour[1] - data[to + 1]) * share;
        data[to + 2] += (colour[2] - data[to + 2]) * share;
      }
    }
    pen.putImageData(this.pixels, 0, 0);
  }

  paintLit(pen, grown) {
    const [first, ...others] = this.lit;
    if (first === undefined) return;
    pen.strokeStyle = theme.accent;
    pen.lineWidth = 1;
    pen.beginPath();
    for (const at of others) {
      pen.moveTo(this.across(first), this.down(first));
      pen.lineTo(this.across(at), this.down(at));
    }
    pen.stroke();
    for (const at of [...others, first]) {
      const group = this.colouring.groups[this.group[at]];
      pen.fillStyle = group.colour();
      pen.save();
      pen.translate(this.across(at), this.down(at));
      pen.fill(new Path2D(marker(group.shape, group.size * grown * 1.4)), 'evenodd');
      pen.restore();
      this.circle(pen, at, at === first ? 9 : 6, at === first ? 2.5 : 1.5);
    }
  }

  // The lasso or box.
  paintOutline(pen) {
    if (this.outline.length < 2) return;
    pen.strokeStyle = theme.accent;
    pen.lineWidth = 1.5;
    pen.setLineDash([5, 4]);
    pen.beginPath();
    for (const [x, y] of this.outline) pen.lineTo(this.width / 2 + (x - this.x) * this.scale, this.height / 2 - (y - this.y) * this.scale);
    pen.closePath();
    pen.stroke();
    pen.setLineDash([]);
  }

  // A point of the canvas in units of the map.
  unitsOf(left, top) {
    return [this.x + (left - this.width / 2) / this.scale, this.y - (top - this.height / 2) / this.scale];
  }

  // Choose the visible places inside a polygon in units of the map, by the even-odd rule.
  enclose(outline) {
    this.outline = outline;
    this.chosen = new Set(this.order.filter((at) => this.visible(at) && inside(outline, this.px[at], this.py[at])));
    this.paintSoon();
  }

  circle(pen, at, radius, width) {
    pen.strokeStyle = theme.accent;
    pen.lineWidth = width;
    pen.beginPath();
    pen.arc(this.across(at), this.down(at), radius, 0, 2 * Math.PI);
    pen.stroke();
  }
}

function inside(outline, x, y) {
  let within = false;
  for (let at = 0, before = outline.length - 1; at < outline.length; before = at++) {
    const [x1, y1] = outline[at], [x2, y2] = outline[before];
    if ((y1 > y) !== (y2 > y) && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
  }
  return within;
}
