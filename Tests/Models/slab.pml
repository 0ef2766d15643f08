/* A slab's bitmap, its word `availability` (listed, count) and its class's list: one slab of three
 * blocks, threads that carve, free and sweep. The list is TaggedStack's own model's business: here
 * it either holds the slab or not.
 *     the slab is listed at most once and held by at most one thread;
 *     carving finds as many set bits as were counted;
 *     nobody touches the bitmap or the word of a slab that died;
 *     at the end every block is free and the slab listed.
 * -DBUG: returned blocks are counted before their bits are set. */

#define BLOCKS 3
#define ALL 7
#define THREADS 2
#define ROUNDS 3

byte bitmap = ALL;
/* The word: the flag and the count change together. */
bool listed = true;
byte count = BLOCKS;

bool alive = true;
byte on_list = 1;
byte holders = 0;
byte blocks_out = 0;	/* bits: with some thread */
byte ended = 0;

inline pop_slab() {
	atomic {
		got = false;
		if
		:: on_list == 1 -> on_list = 0; holders++; assert(holders == 1); got = true
		:: else
		fi
	}
}

inline push_slab() { atomic { assert(on_list == 0 && alive); on_list = 1 } }

/* Slab.carve, carveRecycled, finishCarving. */
inline carve() {
	wanted = count;
	assert(alive && wanted > 0);
	if
	:: wanted > 1 -> wanted = 1
	:: wanted > 1	/* all of them */
	:: else
	fi;
	/* One word: load, then bitwiseAnd. */
	bits = bitmap;
	mask = 0; taken = 0; place = 1;
	d_step {
		do
		:: place > ALL || taken == wanted -> break
		:: else ->
			if
			:: bits & place -> mask = mask | place; taken++
			:: else
			fi;
			place = place << 1
		od;
		/* «a slab counts more free blocks than it has» */
		assert(taken == wanted)
	}
	atomic {
		assert((bitmap & mask) == mask && (blocks_out & mask) == 0);
		bitmap = bitmap & (ALL - mask); blocks_out = blocks_out | mask;
		mine = mine | mask
	}
	atomic {
		assert(alive && listed && count >= taken);
		count = count - taken;
		listed = (count != 0);
		must_list = listed;
		holders--
	}
	if
	:: must_list -> push_slab()
	:: else
	fi
}

inline set_bits() {
	atomic {
		assert(alive && (bitmap & mine) == 0);
		bitmap = bitmap | mine; blocks_out = blocks_out & (ALL - mine)
	}
}

inline count_free() {
	atomic {
		assert(alive);
		must_list = !listed;
		listed = true;
		count = count + taken;
		assert(count <= BLOCKS)
	}
	if
	:: must_list -> push_slab()
	:: else
	fi
}

/* SlabList.giveBackRun, Slab.markFree, countFree. */
inline give_back() {
	taken = (mine & 1) + ((mine >> 1) & 1) + ((mine >> 2) & 1);
#ifdef BUG
	count_free(); set_bits();
#else
	set_bits(); count_free();
#endif
	mine = 0
}

/* SlabList.sweep and Slab.retire; then the granule begins a new life as the same slab. */
inline sweep() {
	pop_slab();
	if
	:: got ->
		if
		:: count == BLOCKS ->
			assert(listed && bitmap == ALL && blocks_out == 0);
			atomic { alive = false; bitmap = 0 }
			atomic { listed = false; count = 0; holders-- }
			/* Slab.create: held by its maker, until it is pushed. */
			atomic { bitmap = ALL; listed = true; count = BLOCKS; alive = true }
			push_slab()
		:: else -> atomic { holders-- ; assert(on_list == 0); on_list = 1 }
		fi
	:: else
	fi
}

active [THREADS] proctype thread() {
	byte round = 0, mine = 0, wanted, bits, mask, taken, place;
	bool got, must_list;
	do
	:: round == ROUNDS -> break
	:: round < ROUNDS ->
		round++;
		if
		:: pop_slab(); if :: got -> carve() :: else fi;
			if
			:: mine != 0 -> give_back()
			:: mine != 0	/* keeps them for the next round */
			:: else
			fi
		:: mine != 0 -> give_back()
		:: sweep()
		fi
	od;
	if
	:: mine != 0 -> give_back()
	:: else
	fi;
	ended++;
	if
	:: ended == THREADS ->
		assert(on_list == 1 && listed && count == BLOCKS && bitmap == ALL)
	:: else
	fi
}
