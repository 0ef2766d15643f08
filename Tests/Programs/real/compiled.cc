/* What the compilers under test compile: templates, streams and regular expressions. */
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

template <int Depth> struct Nested {
  Nested<Depth - 1> inner;
  std::map<std::string, std::vector<int>> values;

  int sum() const {
    int total = inner.sum();
    for (const auto &[key, list] : values) {
      total += static_cast<int>(key.size()) + static_cast<int>(list.size());
    }
    return total;
  }
};

template <> struct Nested<0> {
  int sum() const { return 1; }
};

int main() {
  Nested<40> nested;
  nested.values["key"] = {1, 2, 3};
  nested.inner.values["other"] = {4};
  std::ostringstream text;
  for (int i = 0; i < 2000; i++) {
    text << "line " << i << " has " << i * i << " words\n";
  }
  std::regex pattern("line ([0-9]+) has ([0-9]*)7 words");
  std::string copy = text.str();
  auto begin = std::sregex_iterator(copy.begin(), copy.end(), pattern);
  std::cout << std::distance(begin, std::sregex_iterator()) << ' ' << nested.sum() << '\n';
  return 0;
}
