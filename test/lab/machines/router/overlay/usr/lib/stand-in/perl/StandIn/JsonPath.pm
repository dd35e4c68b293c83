package StandIn::JsonPath;

# The path expressions of jsonfilter: @.a.b[0], @["x"][*].y, @.list[@.up = true && @.route[@.mask=0]].name
#
#   my $path = StandIn::JsonPath::compile($text);   # dies with { at } where it isn't understood
#   StandIn::JsonPath::matches($path, $value)       # the values found, in order

use strict;
use StandIn::Json;

sub compile {
    my ($text) = @_;
    my $in = \$text;
    pos($$in) = 0;
    my $path = path($in) // expected($in);
    $$in =~ /\G\s*/gc;
    expected($in) if pos($$in) < length $$in;
    return $path;
}

sub expected { my ($in) = @_; die { at => pos($$in) // 0 } }

# A path: [ '$' or '@', step, … ]; each step is a code reference from (root, value) to values.
sub path {
    my ($in) = @_;
    $$in =~ /\G\s*([\$\@])/gc or return undef;
    my @path = ($1);
    while (1) {
        if ($$in =~ /\G\s*\.\s*\*/gc) {
            push @path, sub { return children($_[1]) };
        } elsif ($$in =~ /\G\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)/gc) {
            push @path, member($1);
        } elsif ($$in =~ /\G\s*\[/gc) {
            push @path, bracket($in);
        } else {
            return \@path;
        }
    }
}

sub children {
    my ($value) = @_;
    return @$value if ref $value eq 'ARRAY';
    return map { $value->[ 2 * $_ + 1 ] } 0 .. @$value / 2 - 1 if ref $value eq 'StandIn::Json::Object';
    return;
}

sub member {
    my ($name) = @_;
    return sub {
        my $value = $_[1];
        return unless ref $value eq 'StandIn::Json::Object';
        for (my $i = 0; $i < @$value; $i += 2) { return $value->[ $i + 1 ] if $value->[$i] eq $name }
        return;
    };
}

sub item {
    my ($number) = @_;
    return sub {
        my $value = $_[1];
        return unless ref $value eq 'ARRAY';
        my $at = $number < 0 ? @$value + $number : $number;
        return $at >= 0 && $at < @$value ? $value->[$at] : ();
    };
}

# Inside [ ]: *, numbers and names (several of them: a union), or a condition.
sub bracket {
    my ($in) = @_;
    my $start = pos $$in;
    my @chosen;
    while (1) {
        if ($$in =~ /\G\s*\*/gc) { push @chosen, sub { return children($_[1]) } }
        elsif ($$in =~ /\G\s*(-?\d+)(?=\s*[,\]])/gc) { push @chosen, item($1) }
        elsif ($$in =~ /\G\s*(["'])((?:[^\\]|\\.)*?)\1(?=\s*[,\]])/gc) { my $name = $2; push @chosen, member($name =~ s/\\(.)/$1/gr) }
        else { @chosen = (); last }
        next if $$in =~ /\G\s*,/gc;
        last if $$in =~ /\G\s*\]/gc;
        @chosen = ();
        last;
    }
    return sub { my @arguments = @_; return map { $_->(@arguments) } @chosen } if @chosen;
    pos($$in) = $start;
    my $test = alternatives($in);
    $$in =~ /\G\s*\]/gc or expected($in);
    return sub { my ($root, $value) = @_; return grep { truth($test->($root, $_)) } children($value) };
}

# Conditions: code references that give a list of values, empty for false.
sub alternatives {
    my ($in) = @_;
    my @parts = conjunction($in);
    push @parts, conjunction($in) while $$in =~ /\G\s*\|\|/gc;
    return $parts[0] if @parts == 1;
    return sub { my @a = @_; return grep({ truth($_->(@a)) } @parts) ? StandIn::Json::true() : () };
}

sub conjunction {
    my ($in) = @_;
    my @parts = comparison($in);
    push @parts, comparison($in) while $$in =~ /\G\s*&&/gc;
    return $parts[0] if @parts == 1;
    return sub { my @a = @_; return grep({ !truth($_->(@a)) } @parts) ? () : StandIn::Json::true() };
}

sub comparison {
    my ($in) = @_;
    my $left = operand($in);
    if ($$in =~ /\G\s*~\s*\/((?:[^\/\\]|\\.)*)\/(i?)/gc) {
        my $pattern = $2 ? qr/$1/i : qr/$1/;
        return sub { return grep({ defined && !ref && $_ =~ $pattern } $left->(@_)) ? StandIn::Json::true() : () };
    }
    $$in =~ /\G\s*(==|!=|<=|>=|=|<|>)/gc or return $left;
    my $operator = $1;
    my $right = operand($in);
    return sub {
        my @right = $right->(@_);
        for my $one ($left->(@_)) { for my $other (@right) { return StandIn::Json::true() if compare($one, $operator, $other) } }
        return;
    };
}

sub operand {
    my ($in) = @_;
    if ($$in =~ /\G\s*!(?!=)/gc) {
        my $what = operand($in);
        return sub { return truth($what->(@_)) ? () : StandIn::Json::true() };
    }
    if ($$in =~ /\G\s*\(/gc) {
        my $what = alternatives($in);
        $$in =~ /\G\s*\)/gc or expected($in);
        return $what;
    }
    my $path = path($in);
    return sub { my ($root, $value) = @_; return walk($path, $root, $value) } if $path;
    my $constant;
    if ($$in =~ /\G\s*(["'])((?:[^\\]|\\.)*?)\1/gc) { my $text = $2; $constant = $text =~ s/\\(.)/$1/gr }
    elsif ($$in =~ /\G\s*(true|false)\b/gc) { $constant = StandIn::Json::boolean($1 eq 'true') }
    elsif ($$in =~ /\G\s*(-?\d+(?:\.\d+)?)/gc) { $constant = StandIn::Json::number($1) }
    else { $$in =~ /\G\s*/gc; expected($in) }
    return sub { return $constant };
}

sub truth { my @values = @_; return scalar grep { !(ref $_ eq 'StandIn::Json::Boolean' && $$_ eq 'false') } @values }

sub compare {
    my ($one, $operator, $other) = @_;
    return $operator eq '!=' if !defined $one || !defined $other || ref $one ne ref $other;
    return 0 if ref $one && ref $one !~ /Number|Boolean/;
    my $order = ref $one eq 'StandIn::Json::Number' ? $$one <=> $$other : ref $one ? $$one cmp $$other : $one cmp $other;
    return $order == 0 if $operator =~ /\A==?\z/;
    return $order != 0 if $operator eq '!=';
    return $operator =~ /\A</ ? $order < 0 || $order == 0 && $operator eq '<=' : $order > 0 || $order == 0 && $operator eq '>=';
}

sub walk {
    my ($path, $root, $value) = @_;
    my ($start, @steps) = @$path;
    my @values = ($start eq '$' ? $root : $value);
    for my $step (@steps) { @values = map { $step->($root, $_) } @values }
    return @values;
}

sub matches { my ($path, $value) = @_; return walk($path, $value, $value) }

1;
