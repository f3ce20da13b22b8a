"""What a computation becomes when it is read by something other than floating-point arithmetic: symbols, exact digits.

`symbols` makes the arrays of symbols on which rules and programs are evaluated, `algebras` holds the arithmetic of
their elements. SymPy and mpmath (the extra ``symbolic``) are imported when they are first used.

`expressions` holds arrays that print themselves, and `readings` evaluates gradient rules on them: `trees` is what they
write down, `notation` how that is printed.
"""
