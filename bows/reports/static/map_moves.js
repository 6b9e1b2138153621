// Move a word map by pointer, two fingers, wheel and keys.
// actions: hover(place or -1, left, top), describe(place), choose(place or -1), clear(), enclosed() after a lasso or box, where there are any.
function mapMoves(view, actions) {
  const middle = (factor) => view.zoomAt(factor, view.width / 2, view.height / 2);
  let pressed = null, outline = null;
  const corners = (from, at) => [from, { x: at.x, y: from.y }, at, { x: from.x, y: at.y }];
  const inUnits = () => outline.points.map((point) => view.unitsOf(point.x, point.y));
  const fingers = new Map();
  const spread = () => { const [one, other] = [...fingers.values()]; return Math.hypot(one.x - other.x, one.y - other.y); };
  const canvas = view.canvas;
  const here = (event) => { const box = canvas.getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; };
  canvas.addEventListener('pointerdown', (event) => {
    const at = here(event);
    fingers.set(event.pointerId, at);
    canvas.setPointerCapture(event.pointerId);
    const drawing = actions.enclosed && fingers.size === 1 && (event.shiftKey ? 'lasso' : view.mode);
    outline = drawing && drawing !== 'move' ? { kind: drawing, from: at, points: [at] } : null;
    pressed = fingers.size === 1 ? { ...at, moved: false } : { moved: true, spread: spread() };
  });
  canvas.addEventListener('pointermove', (event) => {
    const at = here(event), before = fingers.get(event.pointerId);
    if (!before) { actions.hover(view.under(at.x, at.y), at.x, at.y); return; }
    fingers.set(event.pointerId, at);
    if (outline && fingers.size === 1) {
      if (outline.kind === 'box') outline.points = corners(outline.from, at);
      else if (Math.hypot(at.x - outline.points.at(-1).x, at.y - outline.points.at(-1).y) > 3) outline.points.push(at);
      view.outline = inUnits();
      pressed.moved ||= Math.hypot(at.x - pressed.x, at.y - pressed.y) > 4;
      view.paintSoon();
      return;
    }
    if (fingers.size === 2) {
      const [one, other] = [...fingers.values()], now = spread();
      view.zoomAt(now / pressed.spread, (one.x + other.x) / 2, (one.y + other.y) / 2);
      view.pan((at.x - before.x) / 2, (at.y - before.y) / 2);
      pressed.spread = now;
      return;
    }
    if (Math.hypot(at.x - pressed.x, at.y - pressed.y) > 4) pressed.moved = true;
    if (pressed.moved) { actions.hover(-1); view.pan(at.x - before.x, at.y - before.y); }
  });
  const lift = (event) => {
    const at = here(event);
    const tapped = fingers.size === 1 && pressed && !pressed.moved && event.type === 'pointerup';
    fingers.delete(event.pointerId);
    if (outline && pressed && pressed.moved && !fingers.size) {
      view.enclose(outline.points.length > 2 ? inUnits() : []);
      outline = null;
      actions.enclosed();
      return;
    }
    if (tapped) actions.choose(view.under(at.x, at.y, event.pointerType === 'touch' ? 22 : 14));
    else if (fingers.size === 1) pressed = { ...[...fingers.values()][0], moved: true };
  };
  canvas.addEventListener('pointerup', lift);
  canvas.addEventListener('pointercancel', lift);
  canvas.addEventListener('pointerleave', () => { if (!fingers.size) actions.hover(-1); });
  canvas.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    const at = here(event), size = event.deltaY * (event.deltaMode === 1 ? 18 : 1);
    event.preventDefault(); // else the browser zooms the page
    view.zoomAt(Math.exp(-Math.max(-120, Math.min(120, size)) * 0.005), at.x, at.y);
  }, { passive: false });
  const SIDES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener('keydown', (event) => {
    const at = view.hovered >= 0 ? view.hovered : view.lit[0];
    if (SIDES[event.key]) {
      const next = at === undefined ? view.order.find((each) => view.visible(each)) : view.towards(at, ...SIDES[event.key]);
      if (next !== undefined && next >= 0) { view.show(next); actions.hover(next, view.across(next), view.down(next)); actions.describe(next); }
    } else if ((event.key === 'Enter' || event.key === ' ') && at !== undefined) actions.choose(at);
    else if (event.key === 'Escape') { actions.hover(-1); actions.clear(); actions.choose(-1); }
    else if (event.key === '+' || event.key === '=') middle(1.6);
    else if (event.key === '-') middle(1 / 1.6);
    else if (event.key === '0') view.glide({ x: 0, y: 0, zoom: 1 });
    else return;
    event.preventDefault();
  });
  canvas.addEventListener('blur', () => actions.hover(-1));
}
