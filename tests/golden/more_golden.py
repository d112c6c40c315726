#!/usr/bin/env python3
"""Makes more.json, more.bin and more.f32: what ggml encodes other weights to, with importance and without.

    pip install numpy && pip download --no-deps xllamacpp==2026.10.11549 && unzip xllamacpp*.whl
    python more_golden.py xllamacpp/xllamacpp.abi3.so

more.f32 holds ROWS rows of COLS weights, then the importance of the columns. more.bin holds the
encodings one after the other, in the order and with the lengths that more.json tells.
"""
import ctypes, json, os, sys
import numpy as np

ROWS, COLS, SEED = 8, 512, 20261121
NAMES = {2: 'q4_0', 3: 'q4_1', 6: 'q5_0', 7: 'q5_1', 10: 'q2_k', 11: 'q3_k', 12: 'q4_k', 13: 'q5_k', 14: 'q6_k', 20: 'iq4_nl', 23: 'iq4_xs',
         16: 'iq2_xxs', 17: 'iq2_xs', 18: 'iq3_xxs', 19: 'iq1_s', 21: 'iq3_s', 22: 'iq2_s', 29: 'iq1_m'}
INSISTS = {16, 17, 19}     # on importance: 1 everywhere stands for none

r = np.random.Generator(np.random.PCG64(SEED))
x = r.standard_normal((ROWS, COLS)) * 0.02
x[1] = x[1] ** 3 * 1e4                                              # heavy tails
x[2] = (r.random(COLS) - 0.25) * 0.5                                # mostly positive
x[3] *= np.exp2(-r.integers(0, 12, COLS // 32)).repeat(32)          # groups of very different size
x[4] = np.where(r.random(COLS) < 0.7, -0.0, x[4]); x[4, ::32] = 0.01  # zeros, negative ones
x[5] = r.integers(-1, 2, COLS) * 0.03; x[5, ::32] = 0.03            # ternary
x[6, :256] = 0                                                      # a block of zeros
x[6, 256:288] = 0.03125; x[6, 288:320] = -0.03; x[6, 320:352] = np.linspace(-8, 8, 32)
x[6, 352:384] = 0; x[6, 360] = 3.5; x[6, 384:416] = 6e-8; x[6, 416:448] *= 1e-6
x[7] *= 1e-5                                                        # scales below what f16 holds well
x = np.ascontiguousarray(x, np.float32)
importance = np.exp(r.standard_normal(COLS) * 2)
importance[r.random(COLS) < 0.1] = 0                                # columns that do not matter
importance[32:64] = 0
importance = importance.astype(np.float32)

lib = ctypes.CDLL(os.path.abspath(sys.argv[1]))
p, i64 = ctypes.c_void_p, ctypes.c_int64
lib.ggml_quantize_chunk.restype = ctypes.c_size_t; lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, p, p, i64, i64, i64, p]
lib.ggml_row_size.restype = ctypes.c_size_t; lib.ggml_row_size.argtypes = [ctypes.c_int, i64]
lib.ggml_version.restype = ctypes.c_char_p

cases, out = [], b''
for type_id, name in NAMES.items():
    for given in (False, True):
        im = importance if given else np.ones(COLS, np.float32) if type_id in INSISTS else None
        q = np.zeros(ROWS * lib.ggml_row_size(type_id, COLS), np.uint8)
        n = lib.ggml_quantize_chunk(type_id, x.ctypes.data, q.ctypes.data, 0, ROWS, COLS, None if im is None else im.ctypes.data)
        assert n == q.size
        cases.append({'format': name, 'importance': given, 'bytes': q.size})
        out += q.tobytes()
here = os.path.dirname(os.path.abspath(__file__))
open(os.path.join(here, 'more.bin'), 'wb').write(out)
open(os.path.join(here, 'more.f32'), 'wb').write(x.tobytes() + importance.tobytes())
manifest = {'source': f'ggml {lib.ggml_version().decode()} (ggml_quantize_chunk)', 'n': ROWS, 'k': COLS, 'cases': cases}
with open(os.path.join(here, 'more.json'), 'w') as f: json.dump(manifest, f, indent=1); f.write('\n')
