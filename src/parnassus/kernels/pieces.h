// Work in pieces of a fixed size, whose sums their caller adds in order: the same for any number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <system_error>
#include <thread>

constexpr int64_t kPiece = 4096;  // rows or frames

// Pieces are handed out to n_threads threads: whoever is free takes the next. The end waits for pieces, not for threads,
// so that on a busy machine one that starts late is not waited for. work(piece, thread).
template <typename Work>
static void share_out(int64_t n, int64_t n_threads, const Work& work) {
  n_threads = std::min(n, n_threads);
  struct Shared {
    std::atomic<int64_t> next{0}, done{0};
  };
  const auto shared = std::make_shared<Shared>();
  const Work* const task = &work;  // which is there until all pieces are done
  const auto run = [shared, task, n](int64_t thread) {
    for (int64_t p = shared->next.fetch_add(1); p < n; p = shared->next.fetch_add(1)) {
      (*task)(p, thread);
      shared->done.fetch_add(1);
    }
  };
  for (int64_t thread = 1; thread < n_threads; ++thread) {
    try {
      std::thread(run, thread).detach();
    } catch (const std::system_error&) {  // no more threads are to be had: those there are will do
      break;
    }
  }
  run(0);
  while (shared->done.load() < n) std::this_thread::yield();
}

template <typename Work>
static void over_pieces(int64_t n, int64_t n_threads, const Work& work) {
  share_out((n + kPiece - 1) / kPiece, n_threads, [&](int64_t p, int64_t) {
    work(p, p * kPiece, std::min(n, (p + 1) * kPiece));
  });
}
