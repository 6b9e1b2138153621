// The colours of the drawings, from the style sheet, in light and dark; `waiting` are the functions that draw again when they change.
const theme = { waiting: [] };

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  for (const name of ['ink', 'soft', 'paper', 'line', 'link', 'raised', 'accent', 'positive', 'negative', 'neutral']) theme[name] = read(`--${name}`);
  theme.kinds = Array.from({ length: 8 }, (_, place) => read(`--kind${place}`));
  theme.steps = Array.from({ length: 5 }, (_, place) => read(`--step${place}`));
}

readTheme();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  readTheme();
  for (const draw of theme.waiting) draw();
});
