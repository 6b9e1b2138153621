// The colours of the word map: each way of colouring groups the words, by colour and by shape or size.
const SEQUENCE_SIZES = [2.2, 2.8, 3.5, 4.4, 5.4];
const NO_GROUP = { label: 'none', colour: () => theme.neutral, shape: 'circle', size: 1.8 };
const REGIME_LOOK = {
  absent: ['ring', () => theme.neutral], linear: ['circle', () => theme.kinds[0]], antipodal: ['triangle', () => theme.kinds[1]],
  orthogonal: ['square', () => theme.kinds[2]], mixed: ['diamond', () => theme.kinds[3]],
};

// {name, groups: [{label, colour(), shape, size}], of(word) -> place in groups}; only those that the run has data for.
function colourings() {
  const found = [];
  const named = (name, labels, of, look) => found.push({ name, named: labels.length, of: (word) => Math.min(of(word), labels.length),
    groups: [...labels.map((label, place) => ({ label, size: 3.4, ...look(label, place) })), { ...NO_GROUP, label: `no ${name}` }] });
  const byPlace = (label, place) => ({ colour: () => theme.kinds[place % 8], shape: SHAPES[(place + Math.floor(place / 8)) % 8] });
  const groups = page.groups;
  if (groups && groups.categories.length) {
    const { labels, of } = largeCategories(groups);
    named('category', labels, of, byPlace);
  }
  if (groups && (groups.clusters || []).length) named('cluster', groups.clusters, (word) => decoded(groups.cluster)[word], byPlace);
  if (columns.has('frequency')) found.push(bySize('frequency', equalParts('frequency')));
  if (columns.has('regime')) {
    const labels = Object.keys(REGIME_LOOK).filter((label) => columns.get('regime').values.includes(label));
    named('regime', labels, (word) => { const place = labels.indexOf(known('regime', word)); return place < 0 ? labels.length : place; },
      (label) => ({ shape: REGIME_LOOK[label][0], colour: REGIME_LOOK[label][1] }));
  }
  if (columns.has('r2')) found.push(bySize('R²', [0.05, 0.25, 0.5, 0.75], 'r2'));
  if (groups && groups.sets.length) named('ordered set', groups.sets, (word) => decoded(groups.set)[word], byPlace);
  for (const column of columns.values()) {
    if (!column.numeric && column.values && !['regime', 'antipode', 'helped_by', 'hurt_by'].includes(column.name) && column.values.length <= 64) {
      named(column.name, column.values, (word) => decoded(column.codes)[word], byPlace);
    }
  }
  for (const name of page.gains || []) found.unshift(byGain(name));
  if (!columns.has('frequency') && columns.has('norm')) found.push(bySize('norm', equalParts('norm')));
  if (!found.length) found.push({ name: 'nothing', groups: [{ ...NO_GROUP, label: 'words', colour: () => theme.kinds[0], size: 3 }], of: () => 0 });
  return found;
}

// Four bounds that divide the words into fifths.
function equalParts(name) {
  const values = Float32Array.from(decoded(columns.get(name).numbers)).filter((value) => !Number.isNaN(value)).sort();
  const bounds = [1, 2, 3, 4].map((part) => values[Math.floor((part * values.length) / 5)]);
  return [...new Set(bounds)].filter((bound) => bound > values[0]);
}

function bySize(name, bounds, column = name) {
  const labels = [`under ${say(bounds[0])}`, ...bounds.slice(1).map((bound, place) => `${say(bounds[place])} to ${say(bound)}`), `${say(bounds[bounds.length - 1])} or more`];
  if (!bounds.length) labels.splice(0, 2, 'all equal');
  return {
    name,
    groups: [...labels.map((label, place) => ({ label: `${name} ${label}`, colour: () => theme.steps[place], shape: 'circle', size: SEQUENCE_SIZES[place] })),
      { ...NO_GROUP, label: `no ${name}`, shape: 'cross' }],
    of: (word) => {
      const value = known(column, word);
      return value === undefined || Number.isNaN(value) ? labels.length : bounds.filter((bound) => value >= bound).length;
    },
  };
}

// A difference: wedges for losses, triangles for gains, larger where it is larger.
const GAINS = [[-0.1, 'lost 0.1 or more', 'wedge', 4.6], [-0.02, 'lost 0.02 or more', 'wedge', 3.2], [0.02, 'within 0.02', 'circle', 2.2], [0.1, 'gained 0.02 or more', 'triangle', 3.2],
  [Infinity, 'gained 0.1 or more', 'triangle', 4.6]];

function byGain(name) {
  const colour = (place) => (place < 2 ? theme.negative : place > 2 ? theme.positive : theme.neutral);
  return { name: name.replaceAll('_', ' '),
    groups: [...GAINS.map(([, label, shape, size], place) => ({ label, shape, size, colour: () => colour(place) })), { ...NO_GROUP, label: 'not known', shape: 'cross' }],
    of: (word) => {
      const value = known(name, word);
      return value === undefined || Number.isNaN(value) ? GAINS.length : GAINS.findIndex(([bound]) => (bound < 0 ? value <= bound : value < bound));
    } };
}

// Categories of at least ten words, the others together; all of them where none is so large.
const LEAST_IN_CATEGORY = 10, OTHERS = 'other categories';

function largeCategories(groups) {
  const counts = groups.categories.map(() => 0), codes = decoded(groups.category);
  codes.forEach((code) => { if (code < counts.length) counts[code] += 1; });
  const large = groups.categories.map((_, code) => code).filter((code) => counts[code] >= LEAST_IN_CATEGORY);
  if (!large.length || large.length === counts.length) return { labels: groups.categories, of: (word) => codes[word] };
  const places = new Map(large.map((code, place) => [code, place]));
  const labels = [...large.map((code) => groups.categories[code]), OTHERS];
  return { labels, of: (word) => (codes[word] >= counts.length ? labels.length : places.get(codes[word]) ?? large.length) };
}
