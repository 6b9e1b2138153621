// The page's data: one block of JSON, arrays in it as base64 of typed numbers, each decoded when it is first asked for.
const page = JSON.parse(document.getElementById('data').textContent);
const ARRAYS = { f4: Float32Array, i2: Int16Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };

function decoded(packed) {
  if (!packed.array) {
    const text = atob(packed.data);
    const bytes = new Uint8Array(text.length);
    for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
    const array = new ARRAYS[packed.kind](bytes.buffer);
    packed.array = packed.scale === undefined ? array : Float32Array.from(array, (value) => value * packed.scale);
    packed.data = '';
  }
  return packed.array;
}

// The entry (row, column) of a matrix of size x size, of which the upper triangle is stored where it is symmetric.
function matrixEntry(matrix, size, row, column) {
  const values = decoded(matrix);
  if (!matrix.symmetric) return values[row * size + column];
  const [low, high] = row < column ? [row, column] : [column, row];
  return values[low * size - (low * (low - 1)) / 2 + (high - low)];
}
