// The compiler wants an assembly file where functions have no body.
