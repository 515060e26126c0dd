#include "textflag.h"

#define SYS_clone 220

// func clone(flags uintptr) (pid, errno uintptr)
//
// The place to return to is in a register, where a child that is lent the
// memory can't get.
TEXT ·clone(SB),NOSPLIT|NOFRAME,$0-24
	MOVD	flags+0(FP), R0
	MOVD	ZR, R1	// no stack of its own
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	MOVD	$SYS_clone, R8
	SVC
	MOVD	ZR, errno+16(FP)
	CMN	$4095, R0
	BCS	failed
	MOVD	R0, pid+8(FP)
	RET
failed:
	NEG	R0, R0
	MOVD	R0, errno+16(FP)
	MOVD	ZR, pid+8(FP)
	RET
