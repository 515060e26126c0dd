#include "textflag.h"

#define SYS_clone 56

// func clone(flags uintptr) (pid, errno uintptr)
TEXT ·clone(SB),NOSPLIT|NOFRAME,$0-24
	MOVQ	flags+0(FP), DI
	XORL	SI, SI	// no stack of its own
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVL	$SYS_clone, AX
	// A child that is lent the memory calls functions before this process
	// goes on here: the place to return to is kept where it can't get.
	POPQ	R12
	SYSCALL
	PUSHQ	R12
	MOVQ	$0, errno+16(FP)
	CMPQ	AX, $-4095
	JCC	failed
	MOVQ	AX, pid+8(FP)
	RET
failed:
	NEGQ	AX
	MOVQ	AX, errno+16(FP)
	MOVQ	$0, pid+8(FP)
	RET
