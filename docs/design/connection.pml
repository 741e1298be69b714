/*
 * The life of one connection and the replay rule, as a model for spin (https://spinroot.com).
 * connection-model.md says how to read and run it. `npm run model` checks it.
 *
 * The two tables below are the model's own copy of those in the code. test/model/tables.test.ts compares them with
 * src/connection/state.ts and src/connection/replay.ts, line by line. Names have _ where the code has -.
 */

/* src/connection/state.ts: a move that is not here is a bug. */
#define MOVES \
  MOVE(idle, connecting) \
  MOVE(idle, draining) \
  MOVE(idle, closed) \
  MOVE(connecting, ready) \
  MOVE(connecting, backoff) \
  MOVE(connecting, auth_required) \
  MOVE(connecting, failed) \
  MOVE(connecting, draining) \
  MOVE(connecting, closed) \
  MOVE(ready, backoff) \
  MOVE(ready, auth_required) \
  MOVE(ready, failed) \
  MOVE(ready, draining) \
  MOVE(ready, closed) \
  MOVE(backoff, connecting) \
  MOVE(backoff, failed) \
  MOVE(backoff, draining) \
  MOVE(backoff, closed) \
  MOVE(auth_required, connecting) \
  MOVE(auth_required, draining) \
  MOVE(auth_required, closed) \
  MOVE(failed, connecting) \
  MOVE(failed, draining) \
  MOVE(failed, closed) \
  MOVE(draining, closed)

/* docs/ARCHITECTURE.md: the condition of a link that is ready. */
#define TURNS \
  TURN(good, stale) \
  TURN(good, checking) \
  TURN(good, renewing) \
  TURN(stale, checking) \
  TURN(stale, renewing) \
  TURN(checking, good) \
  TURN(checking, renewing) \
  TURN(renewing, good)

/*
 * src/connection/replay.ts, decideReplay: exactly one row holds for each input.
 *   moment   when in the exchange it went wrong
 *   time     of a refusal: whether it came at once; of a Retry-After: whether it is short enough to wait for
 *   leave    may: a second execution is permitted; once: it is not; never: nothing is sent twice, by the caller's word
 *   replays  second executions that this call has risked so far; two if the retry budget is spent
 */
#define REPLAYS \
  REPLAY(final, any, any, any, fail) \
  REPLAY(not_sent, any, any, any, resend) \
  REPLAY(lost, any, may, zero, replay) \
  REPLAY(lost, any, may, one, fail_unknown) \
  REPLAY(lost, any, may, two, fail_unknown) \
  REPLAY(lost, any, once, any, fail_unknown) \
  REPLAY(lost, any, never, any, fail_unknown) \
  REPLAY(session_lost, in_time, may, any, renew) \
  REPLAY(session_lost, too_late, may, zero, renew) \
  REPLAY(session_lost, too_late, may, one, renew) \
  REPLAY(session_lost, too_late, may, two, fail_unknown) \
  REPLAY(session_lost, in_time, once, any, renew) \
  REPLAY(session_lost, too_late, once, any, fail_unknown) \
  REPLAY(session_lost, any, never, any, fail) \
  REPLAY(era_lost, in_time, may, any, renew) \
  REPLAY(era_lost, too_late, may, zero, renew) \
  REPLAY(era_lost, too_late, may, one, renew) \
  REPLAY(era_lost, too_late, may, two, fail) \
  REPLAY(era_lost, in_time, once, any, renew) \
  REPLAY(era_lost, too_late, once, any, fail) \
  REPLAY(era_lost, any, never, any, fail) \
  REPLAY(session_suspect, any, any, any, verify) \
  REPLAY(throttled, in_time, may, any, wait) \
  REPLAY(throttled, in_time, once, any, wait) \
  REPLAY(throttled, in_time, never, any, fail) \
  REPLAY(throttled, too_late, any, any, fail) \
  REPLAY(gateway, in_time, may, zero, replay) \
  REPLAY(gateway, in_time, may, one, replay) \
  REPLAY(gateway, in_time, may, two, fail) \
  REPLAY(gateway, too_late, may, any, fail) \
  REPLAY(gateway, any, once, any, fail_unknown) \
  REPLAY(gateway, any, never, any, fail_unknown)

/*
 * Faults of the code that can be planted, one at a time: the checks must find each. Those that begin with unsound_ are
 * servers that break an assumption on which the promise rests.
 */
#define PLANTS \
  PLANT(any_words_are_proof) \
  PLANT(attempt_outlives_its_state) \
  PLANT(broken_is_proof) \
  PLANT(check_outlives_its_state) \
  PLANT(check_renews_nothing) \
  PLANT(end_tells_nobody) \
  PLANT(refusal_is_forgotten) \
  PLANT(late_refusal_is_proof) \
  PLANT(line_is_not_closed) \
  PLANT(lost_is_sent_again) \
  PLANT(one_id_for_all) \
  PLANT(refusal_is_not_checked) \
  PLANT(refusal_needs_no_ping) \
  PLANT(replay_is_forgotten) \
  PLANT(users_code_is_forgotten) \
  PLANT(silence_has_no_limit) \
  PLANT(unsound_early_refusal) \
  PLANT(unsound_tool_speaks_of_session)

/*
 * ---- what is checked: variables of the environment, read when the verifier starts, so that one serves all runs ----
 *
 *   CALLS       1 or 2
 *   FIRST       what the first caller allows: 1 may, 2 once, 3 never. The second allows repetitions
 *   FAULTS      0 to 3: faults that the world may spend in one run: restarts, cuts, lost answers, refusals, and so on
 *   PROPERTIES  1 executions, 2 what callers are told, 4 moves; their sum
 *   TIMED       a caller may run out of time, or abort, wherever it waits. Without it a caller can only be woken
 *   CLOSING     the user closes the connection, at any moment
 *   AWAY        a server that has gone does not come back
 *   ODD         this server refuses a session in other words than 404
 *   LIAR        it answers 404 to a call that it has run, and keeps its session. It does not restart then
 *   REPLICAS    a second replica behind the address refuses sessions that the first one knows
 *   OTHERS      there are more callers than are modelled, and they report what they meet
 *   IDS         answers that come too late are delivered, to the caller that waits for their id
 *   PLANTED     the fault that is planted
 *
 * When it is made: -DENDS for the properties that say that something happens. Each caller runs out of time then in the end.
 */

c_decl {
#define PLANT(name) name,
  enum { no_plant, PLANTS };
#undef PLANT
#define PLANT(name) #name,
  static const char *plants[] = { "", PLANTS };
#undef PLANT
  static int calls, first, may_spend, properties, timed, closing, away, odd, liar, replicas, others, ids, planted;

  static int option(const char *name) {
    const char *value = getenv(name);
    return value == 0 ? 0 : atoi(value);
  }

  /* What was seen is no part of the state: it is counted beside it, and printed in the end. */
  static const char *rows[64];
  static int row_count;
  static unsigned char moves[16][16], turns[16][16];

  static void print_seen(void) {
    int a, b;
    for (a = 0; a < row_count; a++) printf("seen replay %s\n", rows[a]);
    for (a = 0; a < 16; a++)
      for (b = 0; b < 16; b++) {
        if (moves[a][b]) printf("seen move %d %d\n", a, b);
        if (turns[a][b]) printf("seen turn %d %d\n", a, b);
      }
  }

  __attribute__((constructor)) static void read_options(void) {
    unsigned k;
    const char *plant = getenv("PLANTED");
    calls = option("CALLS"); first = option("FIRST"); may_spend = option("FAULTS"); properties = option("PROPERTIES");
    timed = option("TIMED"); closing = option("CLOSING"); away = option("AWAY"); odd = option("ODD");
    liar = option("LIAR"); replicas = option("REPLICAS"); others = option("OTHERS"); ids = option("IDS");
    for (k = 1; plant != 0 && *plant != 0 && k < sizeof(plants) / sizeof(plants[0]); k++)
      if (strcmp(plants[k], plant) == 0) planted = k;
    if (plant != 0 && *plant != 0 && planted == no_plant) { printf("no such plant: %s\n", plant); exit(3); }
    atexit(print_seen);
  }
}

#define HAS(what) c_expr { what }
#define PLANTED(name) c_expr { planted == name }
#define ALWAYS(property, holds) assert(c_expr { (properties & property) == 0 } || (holds))

/* ---- its words ---- */
mtype:of_state = { idle, connecting, ready, backoff, auth_required, failed, draining, closed }
mtype:of_link = { good, stale, checking, renewing }
mtype:of_moment = { nothing, not_sent, lost, session_lost, era_lost, session_suspect, throttled, gateway, final }
mtype:of_action = { fail, fail_unknown, resend, renew, verify, wait, replay }
/* An exchange: on its way, run and not answered yet, swallowed by the network; then how it ended. */
mtype:of_exchange = {
  none, written, executed, swallowed,
  is_ok, is_404, is_404_late, is_odd, is_odd_late, is_own, is_500, is_broken, is_429, is_502, is_cut, is_unsent, is_final, is_closed
}
mtype:of_wait = { nowhere, for_link, for_attempt, for_turn, woken, turned_away }
mtype:of_told = { open, told_ok, told_no, told_yes, told_unknown, told_aborted }
mtype:of_limit = { has_time, out_of_time, aborted }
mtype:of_rest = { gone, may_run, may_answer }
mtype:of_verdict = { unasked, asked, joined, stands, stood_before, about_session }
mtype:of_outcome = { pending, same, another, elsewhere, transient, unauthorized, fatal }

mtype:of_state state = idle;
mtype:of_link condition = good;
/* The session of the link, by the life of the server in which it was made; 0: there is no link. */
byte session = 0;
/* The reconnect budget of this outage is spent. */
bool isSpent = false;
bool hasReplicas = false;

/* Checks of the link. `Old`: the state in which it began was left, and it may have no effect any more. */
bool checkWanted, checkBusy, checkOld;
bool recoveryWanted, recoveryBusy, recoveryOld;
bool verifyBusy, verifyOld;
byte verifySession;

/* ---- the world ---- */

bool isUp = true;
/* The life of the server: it does not know the sessions of an earlier one. */
byte life = 1;
byte spentFaults = 0;
#define CAN_FAIL (spentFaults < c_expr { may_spend })

/* ---- the calls ---- */

mtype:of_exchange exchange[2] = none;
byte sentOn[2];
/* Whose answer it is that has come. */
byte from[2];
/* What an attempt that was given up has left in the network. */
mtype:of_rest rest[2] = gone;
byte ran[2];
mtype:of_told told[2] = open;
#ifdef ENDS
mtype:of_limit limit[2] = has_time;
#endif
mtype:of_wait waits[2] = nowhere;
mtype:of_verdict verdict[2] = unasked;

hidden byte k;
#define EACH_CALL for (k : 0 .. 1)

#define MAY(i) (i == 1 || HAS(first == 1))
#define IS_ANY_OPEN (told[0] == open || told[1] == open)
#ifdef ENDS
#define HAS_TIME(i) (!HAS(timed) || limit[i] == has_time)
#define IS_LATE(i) (limit[i] == out_of_time)
#define IS_ABORTED(i) (limit[i] == aborted)
#else
#define HAS_TIME(i) true
#define IS_LATE(i) HAS(timed)
#define IS_ABORTED(i) HAS(timed)
#endif

#define IS_OPEN (state != draining && state != closed)
#define IS_PENDING(i) (exchange[i] == written || exchange[i] == executed || exchange[i] == swallowed)

/* ---- moves: one setter, one table ---- */

#define MOVE(a, b) || (state == a && next == b)
#define TURN(a, b) || (condition == a && nextOne == b)
hidden mtype:of_state next;
hidden mtype:of_link nextOne;

inline moveTo(next_one) {
  next = next_one;
  ALWAYS(4, false MOVES); /* an illegal move */
  c_code { moves[now.state][next] = 1; };
  if
  :: state == ready ->
    checkWanted = false; recoveryWanted = false; condition = good;
    if :: checkBusy -> checkOld = true :: else fi;
    if :: recoveryBusy -> recoveryOld = true :: else fi;
    if :: verifyBusy -> verifyOld = true :: else fi
  :: else
  fi;
  state = next_one
}

inline turnTo(next_one) {
  nextOne = next_one;
  ALWAYS(4, state == ready && (false TURNS)); /* an illegal turn of the condition */
  c_code { turns[now.condition][nextOne] = 1; };
  condition = next_one
}

/* ---- those who wait for a link: availability.ts ---- */

inline onUp() {
  isSpent = false;
  EACH_CALL { if :: waits[k] == for_link || waits[k] == for_attempt -> waits[k] = woken :: else fi };
  k = 0
}

/* No attempt will follow by itself. */
inline onEnd() {
  isSpent = false;
  EACH_CALL {
    if
    :: (waits[k] == for_link || waits[k] == for_attempt) && !PLANTED(end_tells_nobody) -> waits[k] = turned_away
    :: else
    fi
  };
  k = 0
}

/* An attempt failed, others will follow. */
inline onAttemptFailed() {
  EACH_CALL {
    if
    :: waits[k] == for_attempt || (isSpent && waits[k] == for_link) -> waits[k] = turned_away
    :: else
    fi
  };
  k = 0
}

/* supervisor.ts: #onAttemptFailed, of an attempt or of a check of the link. */
inline onFailed(what) {
  if
  :: what == unauthorized -> onEnd(); moveTo(auth_required)
  :: what == fatal -> session = 0; onEnd(); moveTo(failed)
  :: else -> onAttemptFailed(); moveTo(backoff)
  fi
}

inline becomeGood() {
  if :: condition != good -> turnTo(good) :: else fi;
  onUp()
}

/* Also of a link whose condition is another: the circuit has opened. */
inline reportUnreachable(isCircuit) {
  if
  :: state == ready && (condition == good || isCircuit) -> moveTo(backoff)
  :: else
  fi
}

inline reportUnknownSession(which) {
  if
  :: state == ready && condition != renewing && session == which -> turnTo(renewing); recoveryWanted = true
  :: else
  fi
}

/* ---- what the server and the network do ---- */

/* A ping, or a handshake, on the session `on`: how it will end. 0: there is no session to ask about. */
inline askServer(on, result) {
  if
  :: isUp && on != 0 && on == life -> result = same
  :: isUp && on != life -> result = another
  :: isUp && HAS(replicas) && on != 0 && on == life && CAN_FAIL -> spentFaults++; result = elsewhere
  :: !isUp -> result = transient
  :: CAN_FAIL -> spentFaults++; result = transient
  :: CAN_FAIL -> spentFaults++; result = unauthorized
  :: CAN_FAIL -> spentFaults++; result = fatal
  fi
}

/* The connection breaks. A request that was on its way may still arrive. */
inline lose(i) {
  if
  :: exchange[i] == written -> rest[i] = may_run
  :: else
  fi;
  exchange[i] = is_cut
}

inline loseAll() {
  EACH_CALL {
    if
    :: exchange[k] == written -> exchange[k] = is_cut; rest[k] = may_run
    :: exchange[k] == executed || exchange[k] == swallowed -> exchange[k] = is_cut
    :: else
    fi
  };
  k = 0
}

#define AFTER_RUN (HAS(ids) -> may_answer : gone)

/* The caller gives an attempt up. */
inline giveUp(i) {
  if
  :: exchange[i] == written -> rest[i] = may_run
  :: exchange[i] == executed && rest[i] == gone -> rest[i] = AFTER_RUN
  :: else
  fi;
  exchange[i] = none
}

/* An answer finds its request by the id of the attempt, and no attempt waits for this one any more. */
inline answerLate(i) {
  EACH_CALL { if :: PLANTED(one_id_for_all) && k != i && IS_PENDING(k) -> from[k] = i; exchange[k] = is_ok :: else fi };
  k = 0
}

inline execute(i) {
  ALWAYS(1, ran[i] == 0 || MAY(i)); /* a second execution without leave */
  ran[i] = 1
}

#define REFUSAL (HAS(odd) -> is_odd : is_404)
#define LATE_REFUSAL (HAS(odd) -> is_odd_late : is_404_late)

/* The server, the network and the proxies between: what becomes of one exchange. */
inline carry(i) {
  if
  /* The server takes it, and runs it. */
  :: exchange[i] == written && isUp && sentOn[i] == life -> execute(i); exchange[i] = executed
  /* It does not know the session. */
  :: exchange[i] == written && isUp && sentOn[i] != life -> exchange[i] = REFUSAL
  :: exchange[i] == written && isUp && sentOn[i] != life -> exchange[i] = LATE_REFUSAL
  /* A proxy gave it to a second server, after the first had broken off. */
  :: exchange[i] == executed && isUp && sentOn[i] != life -> exchange[i] = LATE_REFUSAL
  :: PLANTED(unsound_early_refusal) && exchange[i] == executed && isUp && sentOn[i] != life -> exchange[i] = REFUSAL
  :: exchange[i] == executed -> from[i] = i; exchange[i] = is_ok
  :: (exchange[i] == written || exchange[i] == executed) && (!isUp || sentOn[i] != life) -> lose(i)
  :: CAN_FAIL && (exchange[i] == written || exchange[i] == executed) -> spentFaults++; lose(i)
  /* It is swallowed: nobody ever answers. */
  :: CAN_FAIL && HAS(timed) && exchange[i] == written -> spentFaults++; exchange[i] = swallowed; rest[i] = may_run
  :: CAN_FAIL && HAS(timed) && exchange[i] == executed -> spentFaults++; exchange[i] = swallowed
  /* One too many; the server has not taken it. */
  :: CAN_FAIL && exchange[i] == written -> spentFaults++; exchange[i] = is_429
  /* A gateway gives up, before or after. */
  :: CAN_FAIL && exchange[i] == written -> spentFaults++; exchange[i] = is_502; rest[i] = may_run
  :: CAN_FAIL && exchange[i] == executed -> spentFaults++; exchange[i] = is_502
  /* The server breaks, before or after. */
  :: CAN_FAIL && (exchange[i] == written || exchange[i] == executed) -> spentFaults++;
    if :: exchange[i] = is_500 :: exchange[i] = is_broken fi
  /* The tool's own error; an answer that says all there is to say. */
  :: CAN_FAIL && exchange[i] == executed -> spentFaults++; exchange[i] = is_own
  :: CAN_FAIL && (exchange[i] == written || exchange[i] == executed) -> spentFaults++; exchange[i] = is_final
  :: PLANTED(unsound_tool_speaks_of_session) && CAN_FAIL && exchange[i] == executed -> spentFaults++; exchange[i] = REFUSAL
  /* The server lies: it has run the call. */
  :: CAN_FAIL && HAS(liar) && exchange[i] == executed -> spentFaults++; exchange[i] = REFUSAL
  /* Another replica than the one that knows the session. */
  :: CAN_FAIL && HAS(replicas) && exchange[i] == written && isUp -> spentFaults++; exchange[i] = REFUSAL
  /* What an attempt that was given up has left behind. */
  :: rest[i] == may_run && isUp -> execute(i); rest[i] = AFTER_RUN
  :: rest[i] == may_run -> rest[i] = gone
  :: rest[i] == may_answer -> answerLate(i); rest[i] = gone
  fi
}

/* ---- one call: call-runner.ts ---- */

/*
 * The call is over. A request that may still run counts as one that has run: nothing is sent for this call any more, and
 * so its books are closed here.
 */
inline tell(what) {
  told[i] = what;
  if :: rest[i] == may_run -> execute(i) :: else fi;
  ALWAYS(2, what != told_no || ran[i] == 0); /* it was told that it did not run, and it ran */
  ALWAYS(2, what != told_ok || (ran[i] > 0 && from[i] == i)); /* it was told of a success that is none, or another's */
  waits[i] = nowhere; verdict[i] = unasked; sentOn[i] = 0; from[i] = 0; ran[i] = 0;
  if :: rest[i] == may_run -> rest[i] = AFTER_RUN :: rest[i] != may_run -> skip fi
}

#define LEAVE_any true
#define LEAVE_may MAY(i)
#define LEAVE_once (i == 0 && HAS(first == 2))
#define LEAVE_never (i == 0 && HAS(first == 3))
#define TIME_any true
#define TIME_in_time (!isLate)
#define TIME_too_late isLate
#define REPLAYS_any true
#define REPLAYS_zero (spent == 0)
#define REPLAYS_one (spent == 1)
#define REPLAYS_two (spent >= 2)
#define SEE(what) c_code { static int is_seen; if (!is_seen) { is_seen = 1; rows[row_count++] = what; } }
#define REPLAY(m, t, l, n, a) \
  :: (moment == m && TIME_##t && LEAVE_##l && REPLAYS_##n) -> action = a; SEE(#m " " #t " " #l " " #n " " #a)

inline decide() {
  /* The server has had its share of retries. */
  if :: spent = replays :: (moment == lost || moment == gateway) && LEAVE_may -> spent = 2 fi;
  if :: PLANTED(late_refusal_is_proof) && moment == session_lost -> isLate = false :: else fi;
  if
  REPLAYS
  :: else -> assert(false) /* no row */
  fi;
  if :: PLANTED(lost_is_sent_again) && moment == lost && action == fail_unknown -> action = resend :: else fi;
  spent = 0
}

/* replay.ts: momentOf. */
inline classify() {
  isLate = (failure == is_404_late || failure == is_odd_late);
  if
  :: failure == is_404 || failure == is_404_late -> moment = session_lost
  :: failure == is_odd || failure == is_odd_late || failure == is_own || failure == is_500 || failure == is_broken -> moment = session_suspect
  :: failure == is_429 -> moment = throttled; if :: isLate = true :: skip fi
  :: failure == is_502 -> moment = gateway; if :: isLate = true :: skip fi
  :: failure == is_cut -> moment = lost
  :: failure == is_unsent -> moment = not_sent
  :: failure == is_final || failure == is_closed -> moment = final
  fi
}

/*
 * replay.ts: decideLost, after a ping has shown that the session of a suspect refusal is lost. The words of the refusal must
 * be those in which the ping was refused, and the server must not have broken inside, after it had run the call perhaps.
 */
#define IS_BORNE_OUT (failure != is_own || PLANTED(any_words_are_proof))
#define IS_PROOF ((failure != is_500 && (failure != is_broken || MAY(i))) || PLANTED(broken_is_proof))

active [2] proctype Caller() {
  /* Of the last attempt. */
  mtype:of_exchange failure = none;
  byte before;
  bool isLate;
  mtype:of_moment moment = nothing;
  mtype:of_action action = fail;
  /* The tally. */
  bool mayHaveRun, hasResent;
  byte replays, refusals, spent;
  byte i;
  mtype:of_told word = open;

  atomic { i = _pid; if :: i == 1 && HAS(calls == 1) -> told[1] = told_aborted; goto over :: else fi;

again:
    /* supervisor.ts: ready. */
    if
    :: IS_ABORTED(i) -> word = told_aborted; goto tells
    :: IS_LATE(i) -> goto unsent
    :: HAS_TIME(i) && state == ready && condition == good -> goto send
    :: HAS_TIME(i) && state == ready && condition == stale && !checkBusy ->
      turnTo(checking); checkWanted = true; waits[i] = for_link
    :: HAS_TIME(i) && state == ready && (condition == checking || condition == renewing) -> waits[i] = for_link
    :: HAS_TIME(i) && state == idle -> moveTo(connecting); waits[i] = for_link
    :: HAS_TIME(i) && (state == connecting || state == backoff) && !isSpent -> waits[i] = for_link
    :: HAS_TIME(i) && state == connecting && isSpent -> waits[i] = for_attempt
    :: HAS_TIME(i) && state == backoff && isSpent -> waits[i] = for_attempt; moveTo(connecting)
    /* The last attempt is hardly over. */
    :: HAS_TIME(i) && state == backoff && isSpent -> goto unsent
    :: HAS_TIME(i) && state == auth_required -> waits[i] = for_attempt; moveTo(connecting)
    :: HAS_TIME(i) && state == auth_required -> goto unsent
    :: HAS_TIME(i) && state == failed -> goto unsent
    :: HAS_TIME(i) && !IS_OPEN -> goto unsent
    fi
  };
  atomic {
    if
    :: waits[i] == woken -> waits[i] = nowhere
    :: waits[i] == turned_away -> goto unsent
    :: IS_LATE(i) && waits[i] != woken -> goto unsent
    :: IS_ABORTED(i) && waits[i] != woken -> word = told_aborted; goto tells
    fi
  };

send:
  atomic {
    /* A refused request goes on only where the refusal was about the session: #checkRenewal. */
    if
    :: !PLANTED(refusal_is_not_checked) && (failure == is_404 || failure == is_404_late) && session == before && !hasReplicas &&
      !(MAY(i) && refusals <= 1) -> word = told_yes; goto tells
    :: else
    fi;
    failure = none; moment = nothing; action = fail; isLate = false;
    before = session; sentOn[i] = session;
    if
    :: state == closed -> goto unsent
    /* The link was lost while the caller was on its way to it. */
    :: state != closed && (!isUp || session == 0) -> exchange[i] = is_unsent
    :: state != closed && isUp && session != 0 -> exchange[i] = written
    fi
  };

  atomic {
    if
    :: exchange[i] != none && !IS_PENDING(i) -> failure = exchange[i]; exchange[i] = none; sentOn[i] = 0
    :: IS_ABORTED(i) && IS_PENDING(i) -> giveUp(i); word = told_aborted; goto tells
    /* Out of time, or silence for too long. */
    :: IS_LATE(i) && IS_PENDING(i) && !PLANTED(silence_has_no_limit) -> giveUp(i); word = told_yes; goto tells
    fi;
    if
    :: failure == is_ok -> word = told_ok; goto tells
    :: failure == is_closed -> word = told_unknown; goto tells
    :: else -> classify()
    fi;
deciding:
    decide();
    if
    :: action == fail ->
      if :: moment == session_lost -> reportUnknownSession(before) :: else fi;
      word = told_yes; goto tells
    :: action == fail_unknown ->
      if :: moment == session_lost -> reportUnknownSession(before) :: else fi;
      if :: moment == lost || moment == gateway -> reportUnreachable(true) :: true fi;
      word = told_unknown; goto tells
    :: action == resend ->
      if :: reportUnreachable(false) :: !hasResent fi;
      hasResent = true
    :: action == renew ->
      refusals = (refusals < 2 -> refusals + 1 : 2);
      if :: isLate && LEAVE_may -> mayHaveRun = !PLANTED(replay_is_forgotten); replays++ :: else fi;
      if :: reportUnknownSession(before) :: hasReplicas fi
    :: action == replay ->
      if :: reportUnreachable(true) :: true fi;
      mayHaveRun = !PLANTED(replay_is_forgotten); replays++
    :: action == wait -> waits[i] = (IS_OPEN -> for_turn : turned_away)
    :: action == verify -> goto verifying
    fi;
    isLate = false; moment = nothing;
    if
    :: action == wait -> action = fail
    :: else -> action = fail; goto again
    fi
  };
  /* The server refused it as one too many: it waits in line. */
  atomic {
    if
    :: waits[i] == for_turn && IS_OPEN -> waits[i] = nowhere; goto again
    :: waits[i] == turned_away -> goto unsent
    :: IS_ABORTED(i) -> word = told_aborted; goto tells
    :: IS_LATE(i) -> word = told_yes; goto tells
    fi
  };

verifying:
  /* supervisor.ts: verifySession. */
  atomic {
    if
    :: state != ready -> word = told_yes; goto tells
    /* Another session holds by now; the old one was lost in these words, or in others. */
    :: state == ready && session != before -> verdict[i] = (IS_BORNE_OUT -> about_session : stands)
    :: state == ready && session == before && verifyBusy && verifySession == before -> verdict[i] = joined
    :: state == ready && session == before && !verifyBusy -> verifyBusy = true; verifySession = before; verdict[i] = asked
    :: IS_ABORTED(i) -> word = told_aborted; goto tells
    :: IS_LATE(i) -> word = told_yes; goto tells
    fi
  };
  atomic {
    if
    :: IS_ABORTED(i) -> word = told_aborted; goto tells
    :: IS_LATE(i) -> word = told_yes; goto tells
    /* The ping of another caller may have been answered before the session was lost. */
    :: verdict[i] == stood_before && state == ready && session == before -> verdict[i] = unasked; goto verifying
    :: verdict[i] == stands || (verdict[i] == stood_before && !(state == ready && session == before)) ||
      (verdict[i] == about_session && !(IS_BORNE_OUT && IS_PROOF)) -> word = told_yes; goto tells
    :: verdict[i] == about_session && IS_BORNE_OUT && IS_PROOF ->
      verdict[i] = unasked; moment = session_lost; goto deciding
    fi
  };

unsent:
  atomic {
    /* The last attempt was not sent; the caller must know whether an earlier one may have run, or was refused. */
    word = ((mayHaveRun || (refusals > 0 && !PLANTED(refusal_is_forgotten))) -> told_unknown : told_no);
tells:
    tell(word);
    word = open; failure = none; before = 0; isLate = false; moment = nothing; action = fail; mayHaveRun = false;
    hasResent = false; replays = 0; refusals = 0;
over:
    skip
  }
}

/* ---- the processes of the world ---- */

active proctype Server() {
end:
  do
  :: atomic { carry(0) }
  :: atomic { carry(1) }
  od
}

#define MAY_FAIL (CAN_FAIL && IS_ANY_OPEN)

/* Faults that come of themselves. */
active proctype World() {
end:
  do
  /* It goes, and takes its sessions with it. It comes back: see `Repair`. */
  :: atomic { MAY_FAIL && isUp && !HAS(liar) -> spentFaults++; isUp = false; life++ }
  /* It cannot be reached for a while. */
  :: atomic { MAY_FAIL && isUp -> spentFaults++; isUp = false }
  /* It forgets its sessions. */
  :: atomic { MAY_FAIL && isUp && !HAS(liar) -> spentFaults++; life++ }
  /* The machine slept: the link may be dead. */
  :: atomic { MAY_FAIL && state == ready && condition == good -> spentFaults++; turnTo(stale) }
  /* The time for a health check has come. */
  :: atomic { MAY_FAIL && state == ready && condition == good && !checkBusy -> spentFaults++; turnTo(checking); checkWanted = true }
  /* The link itself is lost, with all that is on it: a process died, or a stream of HTTP+SSE, where nothing says 404. */
  :: atomic {
      MAY_FAIL && state == ready && !HAS(liar) -> spentFaults++;
      loseAll(); session = 0;
      if
      :: moveTo(backoff)
      :: onEnd(); moveTo(failed)
      fi
    }
  /* Another caller found the server unreachable, or was told that the session is unknown, or wants a connection. */
  :: atomic { HAS(others) && IS_ANY_OPEN && state == ready && !isUp -> reportUnreachable(true) }
  :: atomic { HAS(others) && IS_ANY_OPEN && state == ready && condition != renewing && isUp && session != life -> reportUnknownSession(session) }
  :: atomic { HAS(others) && IS_ANY_OPEN && (state == idle || state == auth_required) -> moveTo(connecting) }
  od
}

active proctype Repair() {
end:
  do
  :: !isUp && !HAS(away) -> isUp = true
  od
}

/* ---- the limits of callers ---- */

active proctype Clock() {
end:
  do
  /* The reconnect budget of an outage. */
  :: HAS(timed) && (state == connecting || state == backoff) && !isSpent && IS_ANY_OPEN -> isSpent = true
#ifdef ENDS
  :: HAS(timed) && told[0] == open && limit[0] == has_time -> limit[0] = out_of_time
  :: HAS(timed) && told[0] == open && limit[0] == has_time -> limit[0] = aborted
  :: HAS(timed) && told[1] == open && limit[1] == has_time -> limit[1] = out_of_time
  :: HAS(timed) && told[1] == open && limit[1] == has_time -> limit[1] = aborted
#endif
  od
}

/* ---- the user ---- */

inline drain() {
  moveTo(draining);
  onEnd();
  EACH_CALL { if :: waits[k] == for_turn && !PLANTED(line_is_not_closed) -> waits[k] = turned_away :: else fi };
  k = 0
}

inline close() {
  moveTo(closed);
  onEnd();
  session = 0;
  EACH_CALL { if :: IS_PENDING(k) -> giveUp(k); exchange[k] = is_closed :: else fi };
  k = 0
}

active proctype User() {
  bool hasAsked = false;
end:
  do
  /* connect(), of a connection that was given up */
  :: atomic {
      !hasAsked && (state == failed || state == auth_required || state == idle) -> hasAsked = HAS(closing); moveTo(connecting)
    }
  :: atomic { HAS(closing) && IS_OPEN -> drain(); break }
  od;
  /* The calls under way have ended, or their time has. */
  atomic { close(); hasAsked = false }
}

/* ---- attempts to connect: connector.ts, supervisor.ts ---- */

/* The pause before the next attempt is over, or something shows that the server is back. */
active proctype Pause() {
end:
  do
  :: atomic { state == backoff -> moveTo(connecting) }
  od
}

active proctype Attempts() {
  mtype:of_outcome outcome = pending;
  byte made;
end:
  do
  :: atomic { state == connecting -> askServer(session, outcome); made = life };
    atomic {
      if
      :: state == connecting || PLANTED(attempt_outlives_its_state) ->
        if
        :: outcome == same || outcome == elsewhere -> moveTo(ready); onUp()
        :: outcome == another -> session = made; moveTo(ready); onUp()
        :: else -> onFailed(outcome)
        fi
      /* It was closed meanwhile: what was made is ended. */
      :: else
      fi;
      outcome = pending; made = 0
    }
  od
}

/* ---- checks of the link: link-checks.ts ---- */

/*
 * A link that is ready by name could not be checked or renewed. It is given up first, and on that code of the user's may
 * run, in listeners, which may close the connection.
 */
#define IS_STILL(isOld) (!isOld || PLANTED(users_code_is_forgotten))

/* The ping of a health check. */
active proctype Check() {
  mtype:of_outcome outcome = pending;
  byte on;
end:
  do
  :: atomic {
      checkWanted -> checkWanted = false; checkBusy = true; checkOld = false;
      on = session; askServer(on, outcome)
    };
    atomic {
      if
      /* Another's report came first. */
      :: (checkOld || condition != checking || session != on) && !PLANTED(check_outlives_its_state) -> outcome = pending
      :: else ->
        if
        :: outcome == same || outcome == elsewhere -> becomeGood(); outcome = pending
        :: outcome == another ->
          turnTo(renewing); outcome = pending;
          recoveryWanted = !PLANTED(check_renews_nothing)
        :: else
        fi
      fi;
      on = 0;
      if
      :: outcome == pending -> checkBusy = false; checkOld = false; goto end
      :: else
      fi
    };
    atomic {
      if :: IS_STILL(checkOld) -> onFailed(outcome) :: else fi;
      outcome = pending; checkBusy = false; checkOld = false
    }
  od
}

/* A session that the server refused in its own words: it is looked for, and otherwise renewed. */
active proctype Recovery() {
  mtype:of_outcome outcome = pending;
  byte made;
end:
  do
  :: atomic {
      recoveryWanted -> recoveryWanted = false; recoveryBusy = true; recoveryOld = false;
      if
      :: PLANTED(refusal_needs_no_ping) -> life++; outcome = another
      :: !PLANTED(refusal_needs_no_ping) -> askServer(session, outcome)
      fi
    };
    atomic {
      if
      :: recoveryOld -> outcome = pending
      :: !recoveryOld && (outcome == same || outcome == elsewhere) ->
        if :: outcome == elsewhere -> hasReplicas = true :: else fi;
        becomeGood(); outcome = pending
      /* The session is lost: another is made. */
      :: !recoveryOld && outcome == another -> askServer(0, outcome); made = life
      :: else
      fi;
      if
      :: outcome == pending -> recoveryBusy = false; recoveryOld = false; goto end
      :: else
      fi
    };
    atomic {
      if
      :: recoveryOld -> outcome = pending
      :: !recoveryOld && outcome == another -> session = made; becomeGood(); outcome = pending
      :: else
      fi;
      made = 0;
      if
      :: outcome == pending -> recoveryBusy = false; recoveryOld = false; goto end
      :: else
      fi
    };
    atomic {
      if :: IS_STILL(recoveryOld) -> onFailed(outcome) :: else fi;
      outcome = pending; recoveryBusy = false; recoveryOld = false
    }
  od
}

/* A request was refused in other words, that may be about the session: one ping for all tells. */
active proctype Verification() {
  mtype:of_outcome outcome = pending;
  byte made;
  bool isAbout;
end:
  do
  :: atomic {
      verifyBusy && outcome == pending -> askServer(verifySession, outcome)
    };
    /* A recovery under way may have found out already. */
    atomic {
      verifyOld || condition != renewing ->
      if
      :: verifyOld || outcome == same -> outcome = pending
      :: !verifyOld && outcome == elsewhere -> hasReplicas = true; isAbout = true; outcome = pending
      :: !verifyOld && outcome == another && session != verifySession -> isAbout = true; outcome = pending
      :: !verifyOld && outcome == another && session == verifySession ->
        turnTo(renewing); askServer(0, outcome); made = life;
        if
        :: outcome == another -> isAbout = true
        :: else
        fi
      /* No ping was answered. */
      :: else -> outcome = pending
      fi
    };
    atomic {
      if
      :: outcome == another && !verifyOld -> session = made; becomeGood()
      :: verifyOld -> isAbout = false; outcome = pending
      :: else
      fi
    };
    if
    /* The new session is asked about as well: a server that refuses pings there refuses pings. */
    :: atomic { outcome == another -> askServer(made, outcome) };
      isAbout = (outcome == same || outcome == elsewhere)
    :: atomic { outcome == transient || outcome == unauthorized || outcome == fatal -> 
        if
        :: IS_STILL(verifyOld) -> onFailed(outcome)
        :: else
        fi }
    :: outcome == pending
    fi;
    atomic {
      EACH_CALL { if :: verdict[k] == asked -> verdict[k] = (isAbout -> about_session : stands)
                   :: verdict[k] == joined -> verdict[k] = (isAbout -> about_session : stood_before) :: else fi };
      k = 0;
      outcome = pending; made = 0; isAbout = false; verifyBusy = false; verifyOld = false; verifySession = 0
    }
  od
}

/* ---- that something happens ---- */

#ifdef ENDS
/* Whatever happens, each call ends: under weak fairness, which is that nothing that can go on for ever rests for ever. */
ltl ends { <> !IS_ANY_OPEN }
#endif
