// Scores of MOA 2024.07.0 on the streams of `cargo xtask accuracy`, prequentially: what `moa.toml` was made from.
//
// java -cp 'MOA_JARS/*' Moa.java FILE clf|reg SEEDS LEARNER...
//
// FILE is CSV, plain or gzipped: the last column is the label, columns that end in `_nom` are nominal. The KDD file has no
// header; its columns 1 to 3 are nominal, and its first 100,000 rows are taken. A LEARNER is a command line of MOA, such as
// "meta.AdaptiveRandomForest -s 10"; ensembles run with the seeds 1 to SEEDS, and their mean is printed.

import com.yahoo.labs.samoa.instances.Attribute;
import com.yahoo.labs.samoa.instances.DenseInstance;
import com.yahoo.labs.samoa.instances.Instance;
import com.yahoo.labs.samoa.instances.Instances;
import com.yahoo.labs.samoa.instances.InstancesHeader;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import moa.classifiers.Classifier;
import moa.core.Utils;
import moa.options.ClassOption;

public class Moa {
    static final int ROWS_MAX = 100_000;

    static String[] header;

    static List<String[]> rows(String file) throws Exception {
        InputStream bytes = new FileInputStream(file);
        if (file.endsWith(".gz")) bytes = new GZIPInputStream(bytes);
        BufferedReader lines = new BufferedReader(new InputStreamReader(bytes));
        boolean named = !file.contains("kdd");
        if (named) header = lines.readLine().split(",");
        List<String[]> rows = new ArrayList<>();
        for (String line; (line = lines.readLine()) != null && rows.size() < ROWS_MAX; ) {
            if (!line.isEmpty()) rows.add(line.split(","));
        }
        if (!named) {
            header = new String[rows.get(0).length];
            for (int at = 0; at < header.length; at++) header[at] = "c" + at + (at >= 1 && at <= 3 ? "_nom" : "");
        }
        return rows;
    }

    static List<Instance> instances(List<String[]> rows, boolean regression) {
        int width = header.length;
        ArrayList<Attribute> attributes = new ArrayList<>();
        List<Map<String, Integer>> codes = new ArrayList<>();
        for (int at = 0; at < width; at++) {
            boolean nominal = header[at].endsWith("_nom") || (at == width - 1 && !regression);
            Map<String, Integer> known = null;
            if (nominal) {
                known = new LinkedHashMap<>();
                for (String[] row : rows) known.putIfAbsent(row[at], known.size());
            }
            attributes.add(nominal ? new Attribute(header[at], new ArrayList<>(known.keySet())) : new Attribute(header[at]));
            codes.add(known);
        }
        Instances all = new Instances("data", attributes, 0);
        all.setClassIndex(width - 1);
        InstancesHeader context = new InstancesHeader(all);
        List<Instance> out = new ArrayList<>();
        for (String[] row : rows) {
            double[] values = new double[width];
            for (int at = 0; at < width; at++) {
                boolean missing = row[at].isEmpty() || row[at].equals("?");
                if (codes.get(at) != null) values[at] = codes.get(at).get(row[at]);
                else values[at] = missing ? Double.NaN : Double.parseDouble(row[at]);
            }
            Instance instance = new DenseInstance(1.0, values);
            instance.setDataset(context);
            out.add(instance);
        }
        return out;
    }

    public static void main(String[] arguments) throws Exception {
        boolean regression = arguments[1].equals("reg");
        List<Instance> stream = instances(rows(arguments[0]), regression);
        for (int at = 3; at < arguments.length; at++) {
            String learner = arguments[at];
            int seeds = learner.startsWith("meta") ? Integer.parseInt(arguments[2]) : 1;
            double first = 0, second = 0;
            for (int seed = 1; seed <= seeds; seed++) {
                Classifier model = (Classifier) ClassOption.cliStringToObject(learner, Classifier.class, null);
                model.setRandomSeed(seed);
                model.setModelContext((InstancesHeader) stream.get(0).dataset());
                model.prepareForUse();
                double right = 0, squares = 0, sizes = 0;
                for (Instance row : stream) {
                    double[] votes = model.getVotesForInstance(row);
                    double error = (votes.length > 0 ? votes[0] : 0) - row.classValue();
                    squares += error * error;
                    sizes += Math.abs(error);
                    if (Utils.maxIndex(votes) == (int) row.classValue()) right++;
                    model.trainOnInstance(row);
                }
                first += regression ? Math.sqrt(squares / stream.size()) : 100.0 * right / stream.size();
                second += sizes / stream.size();
            }
            String more = regression ? String.format(" mae %.3f", second / seeds) : "";
            System.out.printf("%s | %s | %.3f%s%n", arguments[0], learner, first / seeds, more);
        }
    }
}
