// Colours of the page's drawings: those of its style sheet, in light and in dark; and whether motion is wanted.
const theme = { waiting: [] };

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  for (const name of ['ink', 'soft', 'paper', 'line', 'link', 'raised', 'accent', 'positive', 'negative', 'neutral']) theme[name] = read(`--${name}`);
  theme.kinds = Array.from({ length: 8 }, (_, place) => read(`--kind${place}`));
  theme.steps = Array.from({ length: 5 }, (_, place) => read(`--step${place}`));
}

function onTheme(draw) {
  theme.waiting.push(draw);
}

function stillness() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

readTheme();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  readTheme();
  for (const draw of theme.waiting) draw();
});

// A colour between two, at a share from 0 to 1.
function mixed(from, to, share) {
  const parts = (colour) => [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
  const [first, second] = [parts(from), parts(to)];
  return '#' + first.map((value, place) => Math.round(value + (second[place] - value) * share).toString(16).padStart(2, '0')).join('');
}

// Black or white, whichever is read better on a colour: its contrast is 4.5 or more on any.
function readable(colour) {
  const [red, green, blue] = [1, 3, 5].map((place) => {
    const share = parseInt(colour.slice(place, place + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? '#000000' : '#ffffff';
}
