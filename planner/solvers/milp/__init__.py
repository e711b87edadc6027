"""Mixed integer programs, through MathOpt. Importing them imports ortools."""
