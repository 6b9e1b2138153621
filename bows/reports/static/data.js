// The data of the report: one block of JSON; arrays are base64 of typed numbers, decoded on first access.
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
