//! Hadamard matrices of orders other than powers of two, from the squares modulo a prime q (R. E. A. C. Paley, On
//! orthogonal matrices, 1933).
//!
//! Q[i][j] = χ(i - j), where χ is 0 at 0, 1 on squares and -1 elsewhere (Jacobsthal's matrix).
//! Paley I, q = 3 mod 4, order q + 1: H = I + S, S = [[0, 1ᵀ], [-1, Q]], skew.
//! Paley II, q = 1 mod 4, order 2 (q + 1): every 0 of S = [[0, 1ᵀ], [1, Q]] becomes [[1, -1], [-1, -1]], every
//! ±1 becomes ± [[1, 1], [1, -1]].
//!
//! Only fields of prime order are used. Of the orders under 100 that are multiples of 4, 52 and 92 are missing, and 28,
//! 36 and 76 come from the second construction.

/// The largest supported order; a product takes as many operations for each number.
const LARGEST: usize = 512;

/// The Hadamard matrix of this order, ±1 row by row; `None` where neither construction applies.
pub(super) fn matrix(order: usize) -> Option<Vec<i8>> {
    match order {
        1 => Some(vec![1]),
        _ if order > LARGEST || !order.is_multiple_of(4) => None,
        _ if is_prime(order - 1) => Some(first(order - 1)),
        _ => {
            let q = order / 2 - 1;
            (q % 4 == 1 && is_prime(q)).then(|| second(q))
        }
    }
}

fn is_prime(n: usize) -> bool {
    n > 1 && (2..).take_while(|f| f * f <= n).all(|f| !n.is_multiple_of(f))
}

/// χ(0) to χ(q - 1).
fn character(q: usize) -> Vec<i8> {
    let mut chi = vec![-1; q];
    for i in 1..q {
        chi[i * i % q] = 1;
    }
    chi[0] = 0;
    chi
}

/// S: Q with a border of ones in the first row and `below` in the first column.
fn conference(q: usize, below: i8) -> Vec<i8> {
    let (n, chi) = (q + 1, character(q));
    let mut s = vec![0; n * n];
    for i in 0..n {
        for j in 0..n {
            s[i * n + j] = match (i, j) {
                (0, 0) => 0,
                (0, _) => 1,
                (_, 0) => below,
                _ => chi[(i + q - j) % q],
            };
        }
    }
    s
}

fn first(q: usize) -> Vec<i8> {
    let mut h = conference(q, -1);
    for i in 0..=q {
        h[i * (q + 2)] = 1;
    }
    h
}

fn second(q: usize) -> Vec<i8> {
    let (n, s) = (q + 1, conference(q, 1));
    let mut h = vec![0; 4 * n * n];
    for i in 0..2 * n {
        for j in 0..2 * n {
            let (low, right) = (i % 2 == 1, j % 2 == 1);
            h[i * 2 * n + j] = match s[i / 2 * n + j / 2] {
                0 if low || right => -1,
                0 => 1,
                sign if low && right => -sign,
                sign => sign,
            };
        }
    }
    h
}
