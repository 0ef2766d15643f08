/*
 * faults.h — what the program that injects faults and the programs that suffer them agree on.
 */
#ifndef FAULTS_H
#define FAULTS_H

/* prctl's first argument that ends the faults; no option of the kernel's. */
enum { end_of_faults = 0x48414b45 };

#endif
