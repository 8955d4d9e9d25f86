# SPDX-License-Identifier: GPL-2.0-only
# The tests: programs and scripts that print TAP; tests/run gives each a time limit and counts.

TEST_CFLAGS	= -Itests/front

UNIT_SRCS	:= $(wildcard tests/unit/test_*.c)
UNIT_TESTS	:= $(UNIT_SRCS:%.c=$(BUILD)/%)
FRONT_LIB_SRCS	:= $(filter-out tests/front/test_%.c tests/front/loadgen.c,$(wildcard tests/front/*.c))
FRONT_LIB_OBJS	:= $(FRONT_LIB_SRCS:%.c=$(BUILD)/%.o)
FRONT_SRCS	:= $(wildcard tests/front/test_*.c tests/front/loadgen.c)
FRONT_TESTS	:= $(patsubst %.c,$(BUILD)/%,$(wildcard tests/front/test_*.c))
LOADGEN		:= $(BUILD)/tests/front/loadgen
TEST_SRCS	:= $(UNIT_SRCS) $(FRONT_LIB_SRCS) $(FRONT_SRCS)

$(BUILD)/tests/%.o: ALL_CFLAGS += $(TEST_CFLAGS)

$(UNIT_TESTS): %: %.o $(BUILD)/libnvring.a
	$(call say,LINK,$@) $(CC) $(SAN_FLAGS) -o $@ $^ -lcmocka $(ALL_LIBS)

$(BUILD)/tests/front/%: $(BUILD)/tests/front/%.o $(FRONT_LIB_OBJS)
	$(call say,LINK,$@) $(CC) $(SAN_FLAGS) -o $@ $^ $(ALL_LIBS)

-include $(TEST_SRCS:%.c=$(BUILD)/%.d)
