#pragma once

#include <string>

#include "app/assembly.h"

namespace tapedeck {

// The state of every instrument as text for a terminal: last price, change since the one before,
// when and where it was seen, and how today's slots went. Reads the store.
Result<std::string> live_table(Assembly& assembly, const std::map<std::string, Feed>& feeds,
                               const std::string& title);

// Shows texts in place of one another on the terminal, by ANSI escape sequences (ECMA-48).
class LiveScreen {
public:
    void show(const std::string& text);

private:
    int lines_ = 0;
};

}  // namespace tapedeck
