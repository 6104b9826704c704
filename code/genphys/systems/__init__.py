"""Physical systems with known answers: the Ising lattice, the lattice field phi^4, the harmonic oscillator."""
