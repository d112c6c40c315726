"""The parsers and the loops that they find, on pieces of real output with counts made by hand.

    python3 -m unittest discover -s benches/isa
"""

import unittest
from collections import Counter

import ir3
import model
import nak
import rdna
import turns
from loops import Block, Instruction, Loop, counted, kinds, loops_of, main_loop, products

# Of a GEMV by dots: the loop over stretches (block 1), the loop over parts in it (block 2), and one after it that sums
# again (block 4).
NAK = """\
block.u 0 L2 [] -> {
      ur0      = s2r sr[0x25]                                 // delay=1 wr:0
                 bra pT L1                                    // delay=1
} -> [1]
block 1 L4 [0, 3] -> {
      p0       = isetp.ge.u32 r3 r4                           // delay=9
                 bra !p0 L3                                   // delay=1
} -> [2, 5]
block 2 L6 [1, 2] -> {
      r16..20  = ld.global.a64.constant.b128 [r14..16+rZ], pT // delay=2 rd:0 wr:1
      r24      = ld.global.a64.constant.u16 [r24..26+rZ], pT  // delay=1 wr:0
      r60      = lop3.LUT[0xc0] r16 0xf0f0f0f rZ              // delay=1
      r11      = idp4.i8.i8 r13 r60 rZ                        // delay=4 wt=001000
      r11      = idp4.i8.i8 r14 r60 r11                       // delay=4
      r12      = i2f.f32.i32.re r11                           // delay=1
      r2       = ffma.ftz r12 r24 r2                          // delay=4
      r3       = mov 0x1                                      // delay=1
                 nop                                          // delay=1
                 @!p0 bra L6                                  // delay=1
} -> [2, 3]
block 3 L8 [2] -> {
      r5       = fadd.ftz r2 r5                               // delay=4
                 bra pT L4                                    // delay=1
} -> [1]
block 4 L10 [4, 5] -> {
      r11      = idp4.i8.i8 r13 r11 rZ                        // delay=4
      r11      = idp4.i8.i8 r13 r11 r11                       // delay=4
                 @p0 bra L10                                  // delay=1
} -> [4, 6]
block 5 L3 [1] -> {
      r0       = shfl.bfly r5 0x1 0x1f                        // delay=1
} -> [4]
block 6 L12 [4] -> {
                 st.local.strong.cta.b64 [rZ+rZ] r2..4        // delay=1 rd:0
                 st.global.a64.strong.gpu.b32 [r2..4+rZ] r0   // delay=2 rd:0
                 exit                                         // delay=1
} -> []
"""

# A loop with a way out in its middle, as ACO writes them.
RDNA = """\
BB0:
\ts_mul_i32 s12, s12, s17                                     ; 960c110c
BB1:
\ts_cmp_ge_u32 s2, s12                                        ; bf090c02
\ts_delay_alu instid0(SALU_CYCLE_1)                           ; bf870009
\ts_cbranch_scc1 BB3                                          ; bfa102ae
\tbuffer_load_b128 v[4:7], v3, s[8:11], 0 offen               ; e05c1000
\tbuffer_load_d16_b16 v14, v8, s[24:27], 0 offen              ; e0800000
\ts_buffer_load_b32 s2, s[8:11], s2                           ; f4200084
\ts_waitcnt vmcnt(0)                                          ; bf8903f7
\tv_dot4_i32_iu8 v13, v13, v7, v43 neg_lo:[1,1,0]             ; cc164e0d
\tv_fma_mix_f32 v1, v13, v14, v1 op_sel_hi:[0,1,0]            ; cc201001
\tv_dual_fmac_f32 v22, v95, v116 :: v_dual_fmac_f32 v17, v112, v95 ; c8002d5f
\tv_dual_fmac_f32 v32, v84, v94 :: v_dual_mul_f32 v85, v85, v109 ; c8062d54
\tv_dual_mov_b32 v26, 0 :: v_dual_mov_b32 v3, 0               ; ca100080
\tv_add_f32_dpp v1, v1, v1 row_shr:1 row_mask:0xf             ; 06020301
\tv_cvt_f32_i32_e32 v2, v13                                   ; 7e040b0d
\tds_load_2addr_b32 v[20:21], v92 offset0:64 offset1:66       ; d8dc4240
\ts_branch BB1                                                ; bfa0ffe0
BB3:
\tv_wmma_f16_16x16x16_f16 v[8:11], v[72:79], v[80:87], v[8:11] ; cc424008
\ts_endpgm                                                    ; bfb00000
"""

IR3 = """\
Native code for unnamed CL shader (null) with blake3 a9f35ea6:
; num_ubos:           0
@in(r48.x)\tin0 (wrmask=0x7)
@const(c16.x)\t0x4f7ffffe, 0x0000ffff
shps #l147
stsc.u32 c[0], 0, 16
l147:
(ss)(nop3) mov.u32u32 r0.x, c1.x
l164:
(sy)isam.v.base0 (u32)(xyzw)r4.x, r3.z+16, s#0, t#2
isam.v.base0 (u16)(x)hr43.x, r21.x+1, s#0, t#0
ldl.u32 r27.z, l[r8.z+512], 1
(rpt2)shl.b r48.z, (r)r54.x, 16
(rpt4)nop
(ss)(nop1) mad.f32 r1.x, r2.x, r4.x, r1.x
mad.f32 r1.y, r2.y, r4.y, r1.y
mul.f r48.w, r48.w, c16.x
cov.u8s16 hr1.x, hr2.x
br p0.x, #l200
jump #l164
l200:
stib.b.untyped.1d.u32.1.imm.base0 r3.x, r1.x, 8
end
"""


class Parsers(unittest.TestCase):
    def test_nak(self):
        blocks, entry = nak.parse(NAK)
        self.assertEqual((entry, list(blocks)), ("0", ["0", "1", "2", "3", "4", "5", "6"]))
        loops = {loop.header: loop for loop in loops_of(blocks, entry)}
        self.assertEqual(set(loops), {"1", "2", "4"})
        self.assertEqual(loops["2"].parent, loops["1"])
        self.assertIsNone(loops["4"].parent)
        # Of 10 instructions one is a nop. Two dots make 8 products, the addition of scales one.
        self.assertEqual((counted(loops["2"].own), products(loops["2"].own)), (9, 9))
        want = {"load": 2, "int": 1, "dot": 2, "convert": 1, "fma": 1, "move": 1, "nop": 1, "control": 1}
        self.assertEqual(kinds(loops["2"].own), Counter(want))
        self.assertEqual([i.bits for i in loops["2"].own if i.kind == "load"], [128, 16])
        # Two in its head, two after the inner loop.
        self.assertEqual((counted(loops["1"].own), counted(loops["1"].all)), (4, 13))
        self.assertEqual([i.kind for i in blocks["6"].instructions], ["scratch", "store", "control"])
        self.assertEqual([i.kind for i in blocks["5"].instructions], ["shuffle"])
        # The loop that sums again has as many dots, and comes later.
        self.assertEqual(main_loop(blocks, list(loops.values())), loops["2"])

    def test_rdna(self):
        blocks, entry = rdna.parse(RDNA)
        (loop,) = loops_of(blocks, entry)
        self.assertEqual(loop.header, "BB1")
        want = {"scalar": 1, "nop": 2, "control": 2, "load": 2, "uniform load": 1, "dot": 1, "fma": 3, "move": 1}
        self.assertEqual(kinds(loop.own), Counter(want | {"shuffle": 1, "convert": 1, "shared load": 1}))
        # 4 of the dot, 1 of the mixed one, 2 of the first pair, 1 of the second.
        self.assertEqual((counted(loop.own), products(loop.own)), (14, 8))
        self.assertEqual([i.bits for i in loop.own if i.kind in ("load", "shared load")], [128, 16, 64])
        # 4096 by 64 lanes.
        self.assertEqual(products(blocks["BB3"].instructions), 64)

    def test_ir3(self):
        blocks, entry = ir3.parse(IR3)
        (loop,) = loops_of(blocks, entry)
        self.assertEqual(loop.header, "l164")
        want = {"load": 2, "shared load": 1, "int": 3, "nop": 6, "fma": 2, "float": 1, "convert": 1, "control": 2}
        self.assertEqual(kinds(loop.own), Counter(want))
        self.assertEqual((counted(loop.own), products(loop.own)), (12, 2))
        self.assertEqual([i.bits for i in loop.own if i.bits], [128, 16, 32])

    def test_matrix_products_are_shared_by_the_lanes(self):
        self.assertEqual(nak.classed("hmma.m16n8k16.f32 r84..88 r88..90 r76..78", 32).products, 64)
        self.assertEqual(nak.classed("ldsm.16.m8n8.x4 [r81+0x2800]", 32), Instruction("shared load", 128))
        self.assertEqual(rdna.classed("v_wmma_i32_16x16x16_iu8 v[112:119], v[64:67]", 32).products, 128)


class Loops(unittest.TestCase):
    def blocks(self, **edges):
        return {name: Block([Instruction("int")], list(following)) for name, following in edges.items()}

    def test_a_loop_that_is_jumped_into_is_none(self):
        # b and c go round, but either is reached without the other.
        self.assertEqual(loops_of(self.blocks(a="bc", b="c", c="b"), "a"), [])

    def test_two_ways_back_are_one_loop(self):
        (loop,) = loops_of(self.blocks(a="b", b="cd", c="b", d="be", e=""), "a")
        self.assertEqual((loop.header, loop.blocks), ("b", frozenset("bcd")))

    def test_what_is_not_reached_is_left_out(self):
        self.assertEqual(loops_of(self.blocks(a="", b="b"), "a"), [])

    def test_the_rest_of_an_unrolled_loop_is_not_the_main_one(self):
        blocks = self.blocks(a="ab", b="bc", c="")
        blocks["a"].instructions = [Instruction("fma", products=1)] * 4
        blocks["b"].instructions = [Instruction("fma", products=1)] * 8
        self.assertEqual(main_loop(blocks, loops_of(blocks, "a")).header, "b")


class Turns(unittest.TestCase):
    def loop(self, *instructions, parent=None):
        return Loop("l", frozenset("l"), list(instructions), list(instructions), parent)

    def test_ggml(self):
        dots = self.loop(*[Instruction("dot", products=4)] * 16)
        # 64 products for two columns: 32 weights.
        self.assertEqual(turns.of_ggml("mul_mat_vec_q4_0_q8_1_f32", {"1": 1, "2": 2}, dots), 32)
        self.assertEqual(turns.of_ggml("mul_mat_vec_q4_k_f32_f32", {"1": 2, "2": 1}, dots), 32)
        self.assertEqual(turns.of_ggml("mul_mat_vec_iq4_nl_f32_f32", {"1": 4, "2": 8}, dots), 128)
        self.assertIsNone(turns.of_ggml("mul_mat_vec_tq1_0_f32_f32", {"1": 2, "2": 1}, dots))
        self.assertIsNone(turns.of_ggml("matmul_q4_0_q8_1_2", {}, dots))

    def test_a_tile_runs_its_inner_loop_as_often_as_it_must(self):
        around = self.loop(*[Instruction("int")] * 10)
        inner = self.loop(*[Instruction("fma", products=1)] * 4, Instruction("move"), parent=around)
        fetch = self.loop(*[Instruction("load", 32)] * 3, parent=around)
        instructions, made = turns.of_tile(inner, [around, inner, fetch], 32)
        # 8 trips of 5, the loop around it and the one that fetches.
        self.assertEqual((len(instructions), made), (8 * 5 + 10 + 3, 32))

    def test_a_loop_that_makes_too_few_products_is_refused(self):
        turns.check("q4_0", 4, 1, self.loop(*[Instruction("fma", products=1)] * 4))
        with self.assertRaises(SystemExit):
            turns.check("q4_0", 64, 1, self.loop(*[Instruction("fma", products=1)] * 4))


class Model(unittest.TestCase):
    def test_what_limits_a_turn(self):
        nv, amd = model.of("nv")[0], model.of("amd")[0]
        fma, whole = Instruction("fma", products=1), Instruction("int")
        self.assertEqual(model.cycles(nv, [fma] * 10 + [Instruction("nop")] * 9, 32), 10)
        self.assertEqual(model.cycles(nv, [fma] * 2 + [whole] * 10, 32), 20)
        self.assertEqual(model.cycles(nv, [fma] + [Instruction("load", 128)] * 2, 32), 32)
        self.assertEqual(model.cycles(amd, [fma] * 10 + [Instruction("scalar")] * 50, 64), 20)
        self.assertEqual(model.cycles(amd, [fma] * 10, 32), 10)
        # 16 bytes of 64 lanes are 1024; a compute unit of two SIMDs has 64 a cycle.
        self.assertEqual(model.cycles(amd, [Instruction("load", 128)], 64), 32)


if __name__ == "__main__":
    unittest.main()
