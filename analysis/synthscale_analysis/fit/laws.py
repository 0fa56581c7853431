"""The laws as `synthscale fit --help` lists them: formula, parameters with units and bounds, paper."""

LAWS_HELP = """laws (x as --x gives it; y without a unit of its own: the unit of y):

  power         y = a·x^-b
                a: y at x = 1, unit of y, > 0; b: exponent, no unit, -10 to 10
                Hestness et al. 2017, arXiv 1712.00409; for test error Setlur et al. 2024, arXiv 2406.14532
  power_offset  y = a·x^-b + c
                a as above; b: exponent above the floor, 0 to 10; c: floor, unit of y, ≥ 0
                Hoffmann et al. 2022, arXiv 2203.15556, of one input
  broken        y = c + a·x^-b·(1 + (x/d)^(1/f))^(-g·f)
                a, c as above; b: exponent before the bend, b + g after it, b and g from -10 to 10;
                d: x of the bend, unit of x, > 0; f: width of the bend in ln x, 0.05 to 3
                Caballero et al. 2023, arXiv 2210.14891, one break
  chinchilla    y = E + A·N^-alpha + B·D^-beta, --x N,D (parameters, tokens)
                E: floor, unit of y, ≥ 0; A, B: unit of y, > 0; alpha, beta: exponents, 0 to 10
                Hoffmann et al. 2022, arXiv 2203.15556, approach 3; Besiroglu et al. 2024, arXiv 2404.10102
  mixture       y = c + exp(k·f + b), --x a fraction f of the data in [0, 1]
                k: rate, no unit, -100 to 100; b: ln of y above the floor at f = 0; c: floor, unit of y, ≥ 0
                Ye et al. 2024, arXiv 2403.16952, one share

A parameter that ends at its bound is named in the notes. In y, --chance divides errors by 1 - P."""
