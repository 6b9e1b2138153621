// The labels of a word map: names of groups where it is seen whole, words where it is near; no label that has room vanishes by zooming in.
const NEAR = 1.8; // the zoom from which words are labelled before names of groups
const LEAST_IN_REGION = 4; // words, of a group that is named

class MapLabels {
  constructor(view) {
    this.view = view;
    this.widths = new Map();
    this.regions = []; // {name, x, y, colour()}, x and y in units of the map
    this.before = { zoom: 1, words: [] };
    this.drawn = []; // {text, x, y, strong}: what the picture shows, for saving it
  }

  // Name each group at its densest place: those of the colouring, then clusters of a scan, then categories.
  nameRegions() {
    const view = this.view, groups = page.groups, found = new Map();
    const add = (name, members, colour) => {
      if (found.has(name) || name === OTHERS || members.length < LEAST_IN_REGION) return;
      const radius = 0.2 * Math.max(view.reachX, view.reachY), some = members.slice(0, 400);
      let best = some[0], most = -1;
      for (const at of some) {
        const count = some.filter((other) => Math.hypot(view.px[other] - view.px[at], view.py[other] - view.py[at]) < radius).length;
        if (count > most) { most = count; best = at; }
      }
      if (most >= LEAST_IN_REGION - 1) found.set(name, { name, x: view.px[best], y: view.py[best], most, colour });
    };
    const members = (of, count) => {
      const all = Array.from({ length: count }, () => []);
      view.order.forEach((at) => { const place = of(at); if (place < count) all[place].push(at); });
      return all;
    };
    if (view.colouring.named) {
      members((at) => view.group[at], view.colouring.named).forEach((each, place) => add(view.colouring.groups[place].label, each, view.colouring.groups[place].colour));
    }
    for (const [names, codes] of groups ? [[groups.clusters || [], groups.cluster], [groups.categories, groups.category]] : []) {
      if (names.length) members((at) => decoded(codes)[view.kept[at]], names.length).forEach((each, place) => add(names[place], each, () => theme.ink));
    }
    this.regions = [...found.values()];
  }

  // A label and its width in the pen's font, which take most of the time of a picture when they are measured anew.
  written(pen, text, font) {
    const key = `${font} ${text}`;
    if (!this.widths.has(key)) {
      pen.font = font;
      this.widths.set(key, pen.measureText(text).width);
    }
    return this.widths.get(key);
  }

  // Write a text next to a point, or over it: at the first place that is free, or in any case; whether it was written.
  write(pen, text, x, y, { font, colour, over = false, forced = false, strong = false }) {
    const view = this.view;
    if (x < 0 || y < 8 || x > view.width || y > view.height - 8) return false;
    const width = this.written(pen, text, font), middle = Math.max(2, Math.min(view.width - width - 2, x - width / 2));
    const right = x + 8 + width > view.width ? x - 8 - width : x + 8;
    const sides = over ? [[middle, y]] : [[right, y], [x - 8 - width, y], [middle, y - 16], [middle, y + 16]];
    const boxes = sides.map(([start, line]) => [start - 2, line - 8, start + width + 2, line + 8]);
    const free = boxes.findIndex((box) => box[0] >= 0 && !this.taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]));
    if (free < 0 && !forced) return false;
    const [start, line] = sides[Math.max(free, 0)];
    this.taken.push(boxes[Math.max(free, 0)]);
    pen.font = font;
    pen.strokeStyle = theme.paper;
    pen.lineWidth = over ? 4 : 3;
    pen.strokeText(text, start, line);
    pen.fillStyle = colour;
    pen.fillText(text, start, line);
    this.drawn.push({ text, x: start, y: line, strong, over });
    return true;
  }

  word(pen, at, strong, faint = false, forced = strong) {
    const view = this.view, look = { font: `${strong ? '600 13' : '12'}px system-ui, sans-serif`, colour: strong ? theme.ink : theme.soft, strong, forced };
    pen.globalAlpha = faint ? 0.6 : 1;
    const done = this.write(pen, shortened(words[view.kept[at]]), view.across(at), view.down(at), look);
    pen.globalAlpha = 1;
    return done;
  }

  paint(pen, lit) {
    const view = this.view, far = view.zoom < NEAR && this.regions.length > 2;
    this.taken = [];
    this.drawn = [];
    pen.textBaseline = 'middle';
    pen.lineJoin = 'round';
    for (const at of view.lit) this.word(pen, at, true);
    if (view.hovered >= 0) {
      view.circle(pen, view.hovered, 8, 2);
      if (!lit.has(view.hovered)) this.word(pen, view.hovered, true);
    }
    const name = ({ name: text, x, y, colour }) => this.write(pen, shortened(text, 30), view.width / 2 + (x - view.x) * view.scale, view.height / 2 - (y - view.y) * view.scale,
      { font: '600 13px system-ui, sans-serif', colour: colour(), over: true, strong: true });
    const named = far ? this.regions.filter(name) : [];
    const most = Math.round((view.width * view.height) / (far ? 24000 : 3000)), seen = [];
    // Words that were labelled at a lower zoom come first, so that none of them vanishes.
    const first = view.zoom > 1 && view.zoom >= this.before.zoom ? this.before.words : [], kept = new Set(first);
    const labelled = new Set();
    for (const at of [...first, ...view.order]) {
      if (seen.length >= most) break;
      if (labelled.has(at) || at === view.hovered || lit.has(at) || !view.visible(at)) continue;
      const x = view.across(at), y = view.down(at);
      if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
      labelled.add(at);
      if (this.word(pen, at, false, lit.size > 0, kept.has(at))) seen.push(at);
    }
    this.before = { zoom: view.zoom, words: seen };
    view.canvas.dataset.regions = named.map((each) => each.name).join('\n');
    view.canvas.dataset.words = seen.map((at) => words[view.kept[at]]).join('\n');
  }
}
