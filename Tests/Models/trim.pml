/* ThreadCache+Trim: an owner that allocates and frees from one bin and keeps one page run, two trimmers
 * that take blocks and the run. The owner's fast paths read its word, then make one operation on the bin, step by step; its slow
 * calls change the bin as they like between beginChange and endChange, whose plain store to «busy» may
 * wait in a store buffer until membarrier drains it. A trimmer points the word at the closed header,
 * issues the barrier, and takes all but the newest block if the owner is not busy.
 *     a block is in exactly one place: the program, the bin, the slab;
 *     and so is the run;
 *     no slow call finds a bin, or the kept run, that changes under its hands;
 *     at the end the bin holds the blocks that it should.
 * -DBUG: the trimmer takes the newest block, too. */

#define BLOCKS 4
#define SLOTS 3
#define TRIMMERS 2
#define ROUNDS 6

#define OPEN 0
#define CLOSED 1

#define IN_BIN 0
#define IN_PROGRAM 1
#define IN_SLAB 2

/* slot[0] is the zero word below the bin; the blocks are 1 to BLOCKS. */
byte slot[SLOTS + 1];
byte top = 1;
byte place[BLOCKS + 1] = IN_SLAB;

byte page_run = IN_SLAB;		/* where the page run is; its «bin» is the list of kept runs */
bool run_kept = false;

byte header = OPEN;		/* where the owner's word points */
bool locked = false;		/* Lock(.control) */
bool busy = false;
bool buffered = false;		/* «busy» on its way to memory */
byte request = 0;		/* trimRequest: whose */
bool has_gaps = false;
bool changing = false;		/* the owner is between beginChange and endChange */
byte working = TRIMMERS + 1;

inline acquire() { atomic { !locked -> locked = true } }
inline release() { locked = false }
inline move(block, from, to) { assert(place[block] == from); place[block] = to }

/* ---- The owner ---- */

inline close_gaps() {
	request = 0;
	if
	:: has_gaps ->
		has_gaps = false;
		from = 1;
		do
		:: from < top && slot[from] == 0 -> from++
		:: else -> break
		od;
		to = 1;
		do
		:: from < top -> slot[to] = slot[from]; from++; to++
		:: else -> break
		od;
		top = to
	:: else
	fi
}

inline pass() {
	acquire();
	close_gaps();
	header = OPEN;
	release()
}

inline begin_change() {
	do
	:: true ->
		buffered = true;
		if
		:: header == CLOSED -> atomic { buffered = false; busy = false } pass()
		:: else -> break
		fi
	od;
	changing = true
}

inline end_change() {
	atomic { changing = false; buffered = false; busy = false }
}

/* Bin.pop by the header that was read before. */
inline pop() {
	seen = top;
	block = slot[seen - 1];
	if
	:: block != 0 -> atomic { move(block, IN_BIN, IN_PROGRAM); top = seen - 1 }
	:: else
	fi
}

/* Bin.push. */
inline push() {
	seen = top;
	pushed = false;
	if
	:: seen <= SLOTS ->
		slot[seen] = block;
		atomic { move(block, IN_PROGRAM, IN_BIN); top = seen + 1 }
		pushed = true
	:: else
	fi
}

inline usable_cache() {
	if
	:: header == CLOSED -> pass()
	:: else
	fi
}

/* Up to two blocks of the slab into the empty bin; the last one is the program's. */
inline refill() {
	begin_change();
	assert(top == 1);
	from = 1;
	do
	:: from > BLOCKS || top == 3 -> break
	:: else ->
		if
		:: place[from] == IN_SLAB -> atomic { place[from] = IN_BIN; slot[top] = from; top++ }
		:: else
		fi;
		from++
	od;
	block = 0;
	if
	:: top > 1 -> block = slot[top - 1]; atomic { move(block, IN_BIN, IN_PROGRAM); top-- }
	:: else
	fi;
	end_change()
}

/* The oldest block goes to the slab, the one at hand on top. */
inline overflow() {
	begin_change();
	if
	:: top > 1 ->
		assert(slot[1] != 0);
		atomic { move(slot[1], IN_BIN, IN_SLAB) }
		to = 1;
		do
		:: to + 1 < top -> slot[to] = slot[to + 1]; to++
		:: else -> break
		od;
		top = to
	:: else
	fi;
	slot[top] = block;
	atomic { move(block, IN_PROGRAM, IN_BIN); top++ }
	end_change()
}

inline allocate() {
	block = 0;
	if
	:: header == OPEN -> pop()
	:: else
	fi;
	if
	:: block == 0 ->
		usable_cache();
		pop();
		if
		:: block == 0 -> refill()
		:: else
		fi
	:: else
	fi
}

inline free() {
	pushed = false;
	if
	:: header == OPEN -> push()
	:: else
	fi;
	if
	:: !pushed ->
		usable_cache();
		push();
		if
		:: !pushed -> overflow()
		:: else
		fi
	:: else
	fi
}

/* takeRun, or else a run from the heap; keepRun. Slow calls by their nature. */
inline take_run() {
	begin_change();
	if
	:: run_kept -> assert(page_run == IN_BIN); page_run = IN_PROGRAM; run_kept = false
	:: else -> assert(page_run == IN_SLAB); page_run = IN_PROGRAM
	fi;
	end_change()
}

inline keep_run() {
	begin_change();
	page_run = IN_BIN;
	run_kept = true;
	end_change()
}

active proctype owner() {
	byte round = 0, seen, block, from, to;
	bool pushed;
	/* Which block is freed does not matter. */
	do
	:: round == ROUNDS -> break
	:: round < ROUNDS ->
		round++;
		if
		:: allocate()
		:: place[1] == IN_PROGRAM -> block = 1; free()
		:: place[2] == IN_PROGRAM -> block = 2; free()
		:: place[3] == IN_PROGRAM -> block = 3; free()
		:: place[4] == IN_PROGRAM -> block = 4; free()
		:: page_run != IN_PROGRAM -> take_run()
		:: page_run == IN_PROGRAM -> keep_run()
		fi
	od;
	/* Its next call passes the gate. */
	working--;
	working == 0;
	usable_cache();
	assert(run_kept == (page_run == IN_BIN));
	from = 1;
	do
	:: from > BLOCKS -> break
	:: else ->
		to = 1; pushed = false;
		do
		:: to == top -> break
		:: else ->
			assert(slot[to] != 0);
			if
			:: slot[to] == from -> assert(!pushed); pushed = true
			:: else
			fi;
			to++
		od;
		assert(pushed == (place[from] == IN_BIN));
		from++
	od
}

/* ---- The trimmers ---- */

#ifdef BUG
#define NEWEST 0
#else
#define NEWEST 1
#endif

active [TRIMMERS] proctype trimmer() {
	byte me = _pid, first, next, end;
	/* requestTrim */
	acquire();
	if
	:: header == OPEN -> header = CLOSED; request = me
	:: else
	fi;
	release();
	/* membarrier */
	d_step {
		if
		:: buffered -> buffered = false; busy = true
		:: else
		fi
	}
	/* trim */
	acquire();
	if
	:: request == me && !busy ->
		assert(!changing);
		request = 0;
		has_gaps = true;
		end = top;
		first = 1;
		do
		:: first < end && slot[first] == 0 -> first++
		:: else -> break
		od;
		next = first;
		do
		:: next + NEWEST < end ->
			assert(!changing);
			atomic { move(slot[next], IN_BIN, IN_SLAB) }
			next++
		:: else -> break
		od;
		do
		:: first < next -> slot[first] = 0; first++
		:: else -> break
		od;
		if
		:: run_kept -> assert(!changing && page_run == IN_BIN); run_kept = false; page_run = IN_SLAB
		:: else
		fi
	:: else
	fi;
	release();
	working--
}

/* The store buffer drains some time. */
active proctype memory() {
	do
	:: atomic { buffered -> buffered = false; busy = true }
	:: working == 0 && !buffered -> break
	od
}
