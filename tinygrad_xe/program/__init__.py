"""What a computation becomes when it is read by something other than floating-point arithmetic: symbols, exact digits.

`symbols` makes the arrays of symbols on which rules and programs are evaluated, `algebras` holds the arithmetic of
their elements. SymPy and mpmath (the extra ``symbolic``) are imported when they are first used.

`expressions` holds arrays that print themselves, and `readings` evaluates gradient rules on them: `trees` is what they
write down, `notation` how that is printed.

`trace` runs a function once on arrays that write down each call of NumPy's (`traced`, `tape`, `naming`, `forms`,
`updates`), and gives a `program.Program`: `values` in their order, simplified by `passes` and `identities`, printed by
`source`, kept by `documents`. Functions are known by name in
`registry`; `primitives` are those that NumPy lacks.
"""
