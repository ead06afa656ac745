@0xd51bff7c2a9be8c4;
# Tributary's protocol: every byte that crosses the network between a coordinator and its participants.
#
# THE LINE. TCP, then TLS 1.3 with both sides authenticated by certificates of the federation's own authority
# (ECDSA P-256; extended key usage serverAuth for the coordinator, clientAuth for participants), ALPN "tributary/1", no
# session tickets, no early data. A participant's name is the common name of its certificate; no message carries it.
#
# FRAMES. Each direction is a row of frames: a length (32 bits, little-endian), then so many bytes of payload, at most
# 1 MiB + 4096. A frame announced longer ends the session at once.
#
# ADMISSION. In TLS 1.3 a client has finished before the server has seen its certificate. So the coordinator's first frame
# answers the handshake: payload 00 = come in; payload 01 followed by 1 to 511 bytes of ASCII = stay out, and why
# ("revoked", "not enrolled"), after which the coordinator closes. The participant says nothing before it has read this
# frame. It is the only payload that is not a Message.
#
# MESSAGES. Every other payload is exactly one Message in Cap'n Proto's flat form (segment table and segments, unpacked),
# with nothing behind it. Whoever receives one checks everything, and ends the session when anything is wrong:
#   - the union holds a member that this page lists; the one it expects in this state of the session;
#   - texts: at most 1024 bytes, valid UTF-8, no control characters (they go to logs and reports);
#   - lists: at most 64 entries;
#   - digests: exactly 32 bytes; checksums: exactly 16;
#   - floating-point numbers: finite, and in the range given beside them;
#   - nesting at most 8 levels, and no more words reached through pointers than the message has.
# An absent text is the empty text, an absent number zero. An absent digest is an error, where
# nothing else is said.
#
# BLOBS. Models, edge copies and updates are blobs: byte strings, moved in Data messages of at most 1 MiB each, in order,
# without gaps. Models and edge copies are named by their SHA-256; an update is known by its round, its participant and
# its checksum, and is counted once however often it is sent. A blob's size is announced before it moves (Offer, Update) and the receiver
# compares it with its own limit before it accepts the first byte; memory and disk grow with what arrived.
#
# A SESSION (P participant, C coordinator).
#   P: Hello                      C: Welcome | Goodbye
#   then, any number of times:
#   C: Offer                      P: Fetch (for each blob it does not hold: the model, the edge copy or its difference)
#   C: Data ...                   P: Decline, or trains, then: Update, Data ... (or waits for Proceed before Data)
#   C: Proceed                    where the Data of an update begin
#   C: Verdict                    the update is durable, or refused with a reason
#   C: RoundClosed                at any time after Offer: stop working on this round
#   C: Wait                       nothing to do now
#   either: Ping, answered by Pong; Goodbye, after which the sender ends its direction
#
# CHANGES. Fields and members are only added; numbers are never used twice. `protocol` in Hello grows when a peer that
# does not know an addition could do harm; until then additions are ignored by those who do not know them.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("tributary::wire::schema");

struct Message {
  union {
    hello @0 :Hello;
    welcome @1 :Welcome;
    offer @2 :Offer;
    decline @3 :Decline;
    fetch @4 :Fetch;
    data @5 :Chunk;
    update @6 :Update;
    verdict @7 :Verdict;
    roundClosed @8 :RoundClosed;
    wait @9 :Wait;
    ping @10 :Ping;
    pong @11 :Pong;
    goodbye @12 :Goodbye;
    proceed @13 :Proceed;
  }
}

using Digest = Data;
# 32 bytes: SHA-256.

using Checksum = Data;
# 16 bytes: XXH3 with 128 bits, in its canonical (big-endian) form.

using Seconds = Float64;
# 0 to 1e9.

struct Hello {
  # The participant's first message.

  protocol @0 :UInt32;
  # 1. A coordinator that does not speak it answers Goodbye and says which it speaks.

  software @1 :Text;
  # Name and version, for the log: "tributary 0.1.0".

  encodings @2 :List(Text);
  # Update encodings that the participant can write, the ones it likes best first. Names are those of Offer.encoding.

  held @3 :List(Digest);
  # Blobs that it still holds (models, edge copies), newest first, at most 8. The coordinator may send differences against
  # one of them.

  examples @4 :UInt64;
  # How many training examples it has now. A hint for selection; 0 = unknown.

  differences @5 :Bool;
  # It can make an edge copy of a difference to one that it holds (Offer.delta). Within the session it then also holds
  # the edge copy of its last Update.
}

struct Welcome {
  # The coordinator's answer to Hello.

  federation @0 :Text;
  # Its name, for the log.

  run @1 :Text;
  # Name of this run of the coordinator's store: 32 hexadecimal characters. What a participant keeps between rounds
  # (residuals) counts within one run only.

  pingSeconds @2 :Seconds;
  # A side that has sent nothing for so long sends a Ping. One that has heard nothing for three times as long gives up.
}

struct Plan {
  # How to train: online gradient descent. The participant refuses what is out of range.

  loss @0 :Text;                  # "cross_entropy", "binary_cross_entropy", "mean_squared_error"
  learningRate @1 :Float64;       # this and all below: 0 to 1e12
  learningRateDecay @2 :Float64;  # rate = learningRate * learningRateDecay^round
  momentum @3 :Float64;
  weightDecay @4 :Float64;        # L2, added to the gradient
  clipNorm @5 :Float64;           # of a step's gradient; 0 = off
  proximalMu @6 :Float64;         # FedProx; 0 = off
  batchSize @7 :UInt32;           # 0 = all examples at once
  maxSteps @8 :UInt32;            # 0 = no limit
  epochs @9 :Float64;             # passes over the examples; may be a fraction
  maxSeconds @10 :Seconds;        # 0 = no limit
  online @11 :Bool;               # a stream: in the order of time, once, each example a test before it is learnt
  hedgeBeta @12 :Float64;         # online, models of several exits: discount of the Hedge update, above 0 and below 1
  hedgeFloor @13 :Float64;        # share of the weights that all exits keep together, 0 to 1

  # Training through the rounding of edge copies: each step's gradient is that at the weights rounded as the next edge
  # copy would hold them, and moves the float ones. They start at the copy's values, each moved within its step at random.
  quantizedBits @14 :UInt32;      # of the copies: 8, 4 or 2; 0 = plain training
  quantizedLevels @15 :UInt32;    # their largest integer; 0 = as many as is usual for the bits
  quantizedBlock @16 :UInt32;     # neighbouring weights that share a scale; 0 = an output channel's
  pruned @17 :Bool;               # weights that are zero in the edge copy count as zero in every step
}

struct Offer {
  # Take part in a round: fetch the blobs, train, answer with Update, or Decline.

  round @0 :UInt64;               # grows within a run
  model @1 :Digest;               # blob: the ONNX graph, its parameters zero, as one zstd frame
  modelBytes @2 :UInt64;
  edge @3 :Digest;                # blob: the edge copy, from which the training starts
  edgeBytes @4 :UInt64;
  encoding @5 :Text;              # the update encoding asked for
  seed @6 :UInt64;                # of the run; random streams are keyed by (seed, purpose, round, participant)
  deadlineSeconds @7 :Seconds;    # from now; an update that comes later is refused
  plan @8 :Plan;

  # Another way to the edge copy, for a participant that holds the copy `deltaBase`: fetch the difference instead, and
  # make the edge copy's blob of both. It may always fetch the whole edge copy. None offered: `deltaBase` is absent.
  deltaBase @9 :Digest;           # an earlier edge copy
  delta @10 :Digest;              # blob: the difference
  deltaBytes @11 :UInt64;
}

struct Decline {
  # No update will come for this round.

  round @0 :UInt64;
  reason @1 :Text;
}

struct Fetch {
  # Send a blob that the current offer names, from `offset` to its end.

  blob @0 :Digest;
  offset @1 :UInt64;
}

struct Chunk {
  # The message Data: the next bytes of the blob last asked for (downwards) or announced (upwards). (Its type has another
  # name because Data is the schema language's own word for bytes.)

  offset @0 :UInt64;              # of the first byte, in the blob
  bytes @1 :Data;                 # 1 byte to 1 MiB
}

struct Update {
  # Announces what was learnt; its bytes follow in Data from offset 0, unless `awaits` says otherwise. What a participant
  # has announced and not seen a Verdict of, it announces again, with `awaits`, as soon as it is back, whatever round is
  # on by then, before it answers any Offer.

  round @0 :UInt64;
  edge @1 :Digest;                # the edge copy that it was trained from
  checksum @2 :Checksum;          # of the encoded update; the coordinator compares it
  blobBytes @3 :UInt64;
  encoding @4 :Text;              # used; differs from the one asked for when the participant lacks that
  examples @5 :UInt64;            # training examples seen, without repetition: the weight of the update
  trainLoss @6 :Float64;          # mean before each step; -1e30 to 1e30
  trainAccuracy @7 :Float64;      # 0 to 1
  trainSeconds @8 :Seconds;
  decodeSeconds @9 :Seconds;
  encodeSeconds @10 :Seconds;
  peakRssBytes @11 :UInt64;       # of the participant's process

  awaits @12 :Bool;
  # No Data follow before the answer: Proceed, which says from which offset on they are wanted, or Verdict: accepted when
  # this very update was counted before.
}

struct Proceed {
  # Send the Data of the update announced, from `offset` to its end; none when that is its end. Also comes after all Data
  # when what was kept of an earlier attempt was damaged: then from the start.

  round @0 :UInt64;
  offset @1 :UInt64;
}

struct Verdict {
  # What became of the update. When accepted it is durable: the participant may forget it. When refused, nothing of it
  # was used.

  round @0 :UInt64;
  accepted @1 :Bool;
  reason @2 :Text;                # empty when accepted
}

struct RoundClosed {
  # The round is over for this participant: it stops training and uploading. Data of its update that are on the way are
  # ignored.

  round @0 :UInt64;
  reason @1 :Text;
}

struct Wait {
  # Nothing to do for so long: keep the line open and listen, or say Goodbye and come back then.

  seconds @0 :Seconds;
  reason @1 :Text;
}

struct Ping {
  number @0 :UInt64;              # returned in Pong
}

struct Pong {
  number @0 :UInt64;
}

struct Goodbye {
  # The sender's last message; it ends its direction after it.

  reason @0 :Text;
  retrySeconds @1 :Seconds;       # come back after so long; 0 = do not come back
}
