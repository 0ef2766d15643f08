/*
 * A C++ program that runs out of memory in every way the library offers, catches std::bad_alloc,
 * and goes on.
 */
#include <cstdint>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

template <typename Action> bool throws_bad_alloc(Action action) {
  try {
    action();
  } catch (const std::bad_alloc &) {
    return true;
  }
  return false;
}

volatile std::size_t much = std::numeric_limits<std::ptrdiff_t>::max() / 2;

bool run_out_of_memory() {
  bool thrown = true;
  for (int i = 0; i < 100; i++) {
    std::vector<std::string> kept(100, std::string(100, 'x'));
    thrown &= throws_bad_alloc([] { std::vector<char> vector(much); });
    thrown &= throws_bad_alloc([] { std::string(much, 'x'); });
    thrown &= throws_bad_alloc([] { std::unique_ptr<char[]> array(new char[much]); });
    thrown &= throws_bad_alloc([] { std::vector<std::uint64_t>().resize(much / 8); });
    thrown &= kept[99].size() == 100;
  }
  return thrown && new (std::nothrow) char[much] == nullptr;
}

} // namespace

int main() {
  std::vector<std::thread> threads;
  std::vector<char> results(4);
  for (std::size_t i = 0; i < results.size(); i++) {
    threads.emplace_back([&results, i] { results[i] = run_out_of_memory(); });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  std::map<std::string, int> words;
  std::istringstream text("a heap that is empty is a heap that is full of room");
  for (std::string word; text >> word;) {
    words[word]++;
  }
  for (const auto &[word, count] : words) {
    std::cout << word << ' ' << count << '\n';
  }
  for (char result : results) {
    std::cout << (result ? "thrown and caught" : "not thrown") << '\n';
  }
  return 0;
}
